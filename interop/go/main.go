// Command interop is the article's program as Go programs were written for it: an actor that
// asks and one that answers, with jaeger-client-go for spans and go-stdlib for HTTP.
//
// It takes the flags of the Rust program in examples/article and prints the same lines, so that
// either actor can be of either language.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

// options is what the command line says.
type options struct {
	actor         string
	port          uint
	reportURL     string
	sharesSpanIDs bool
}

func main() {
	options, err := parseOptions(os.Args[1:])
	if err != nil {
		os.Exit(2) // What is wrong has been said.
	}
	if err := run(options, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parseOptions reads the arguments, and tells the user what is wrong with them.
func parseOptions(arguments []string) (options, error) {
	var read options
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	flags.StringVar(&read.actor, "actor", "", "who to be: server or client")
	flags.UintVar(&read.port, "port", 8000, "the server's `port` on localhost")
	flags.StringVar(&read.reportURL, "url", "http://localhost:9411/api/v1/spans", "where spans are reported to")
	flags.BoolVar(&read.sharesSpanIDs, "shared", false, "client and server describe one span together")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	if read.actor != "server" && read.actor != "client" {
		err := fmt.Errorf("there is no actor %q: say -actor server or -actor client", read.actor)
		fmt.Fprintln(flags.Output(), err)
		return options{}, err
	}
	return read, nil
}

// run plays the actor, and returns when its last span is sent.
func run(options options, out io.Writer) error {
	tracer, closer, err := newTracer(options.actor, options.reportURL, options.sharesSpanIDs)
	if err != nil {
		return err
	}
	play := runClient
	if options.actor == "server" {
		play = runServer
	}
	played := play(tracer, options.port, out)
	if err := closer.Close(); err != nil {
		return err
	}
	return played
}
