package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a program of the test may live. At its end the program is killed, so
// that whoever waits for its words or its end goes on.
const patience = 60 * time.Second

// playsActor is set where the test's own binary is to be the Go program.
const playsActor = "INTEROP_PLAYS_ACTOR"

func TestMain(m *testing.M) {
	if os.Getenv(playsActor) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// goProgram returns the Go program of this folder, which the test's binary contains.
func goProgram(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// binary returns the program that an environment variable names.
func binary(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s must name the binary to test; `.ci/run go` builds it and says so", variable)
	}
	return path
}

// process is a program that the test started. It does not outlive the test.
type process struct {
	t       *testing.T
	command *exec.Cmd
	// ended is closed when the program has closed its output.
	ended chan struct{}
	// opened has what the opening line names, and is closed when none can come any more.
	opened chan string
	mutex  sync.Mutex
	said   strings.Builder
}

// start runs a program; opening matches the line by which it says that it is open, and in
// parentheses what is wanted of it.
func start(t *testing.T, opening string, name string, arguments ...string) *process {
	t.Helper()
	ctx, kill := context.WithTimeout(context.Background(), patience)
	command := exec.CommandContext(ctx, name, arguments...)
	command.Env = append(slices.DeleteFunc(os.Environ(), isSetting), playsActor+"=yes")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = command.Stdout
	started := &process{t: t, command: command, ended: make(chan struct{}), opened: make(chan string, 1)}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go started.listen(bufio.NewScanner(output), regexp.MustCompile(opening))
	t.Cleanup(func() {
		kill()
		<-started.ended
		command.Wait() // How it ended was judged by stop, if it was asked to.
	})
	return started
}

// isSetting tells which variables would change what the programs do or say.
func isSetting(variable string) bool {
	return strings.HasPrefix(variable, "SPANDREL_") || strings.HasPrefix(variable, "RUST_LOG=") ||
		strings.HasPrefix(variable, "JAEGER_")
}

// listen notes what the program says until it closes its output.
func (p *process) listen(lines *bufio.Scanner, opening *regexp.Regexp) {
	defer close(p.ended)
	defer close(p.opened)
	isOpen := false
	for lines.Scan() {
		p.mutex.Lock()
		p.said.WriteString(lines.Text() + "\n")
		p.mutex.Unlock()
		if found := opening.FindStringSubmatch(lines.Text()); found != nil && !isOpen {
			isOpen = true
			p.opened <- found[1]
		}
	}
}

// words returns what the program has said so far.
func (p *process) words() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.said.String()
}

// open waits until the program is open, and returns what its opening line names.
func (p *process) open() string {
	p.t.Helper()
	named, isOpen := <-p.opened
	if !isOpen {
		p.t.Fatalf("%s ended before it was open:\n%s", p.command, p.words())
	}
	return named
}

// stop interrupts the program, waits for its orderly end, and returns what it said.
func (p *process) stop() string {
	p.t.Helper()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatalf("%s: %v\n%s", p.command, err, p.words())
	}
	return p.end()
}

// end waits until the program has ended by itself, and returns what it said.
func (p *process) end() string {
	p.t.Helper()
	<-p.ended
	if err := p.command.Wait(); err != nil {
		p.t.Fatalf("%s: %v\n%s", p.command, err, p.words())
	}
	return p.words()
}
