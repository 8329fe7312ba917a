//! The command line, as Go's programs take it: `-port 8000`, `--port 8000`, `-port=8000`.

use std::fmt;

/// What the program says about itself.
pub(crate) const USAGE: &str = "\
The article's program: run the server, then the client.

    article -actor server
    article -actor client

  -actor server|client   which of the two to be
  -port PORT             the server's port on localhost (8000)
  -url URL               where spans are reported to (http://localhost:9411/api/v1/spans,
                         or the environment's SPANDREL_URL)
  -shared                client and server describe one span together
";

const REPORT_URL: &str = "http://localhost:9411/api/v1/spans";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Client,
    Server,
}

impl Actor {
    /// Returns the name of its service.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) actor: Actor,
    pub(crate) port: u16,
    pub(crate) report_url: String,
    pub(crate) shares_span_ids: bool,
}

/// What is wrong with the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Help,
    NoActor,
    Actor(String),
    Port(String),
    NoValue(String),
    Unknown(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => Ok(()),
            Self::NoActor => f.write_str("say who to be: -actor server or -actor client"),
            Self::Actor(actor) => {
                write!(f, "there is no actor {actor:?}: say -actor server or -actor client")
            }
            Self::Port(port) => write!(f, "{port:?} is no port: say a number up to 65535"),
            Self::NoValue(flag) => write!(f, "-{flag} needs a value"),
            Self::Unknown(argument) => write!(f, "{argument:?} is no flag of this program"),
        }
    }
}

impl Options {
    /// Reads the arguments, without the program's name. `url` is where the environment wants
    /// spans reported to.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = String>,
        url: Option<String>,
    ) -> Result<Self, Refusal> {
        let mut arguments = arguments.into_iter();
        let (mut actor, mut port, mut shares_span_ids) = (None, 8_000, false);
        let mut report_url = url.unwrap_or_else(|| REPORT_URL.to_owned());
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))
            else {
                return Err(Refusal::Unknown(argument));
            };
            let (flag, inline) = match flag.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (flag, None),
            };
            let mut value = || {
                inline
                    .clone()
                    .or_else(|| arguments.next())
                    .ok_or_else(|| Refusal::NoValue(flag.into()))
            };
            match flag {
                "actor" => actor = Some(actor_of(value()?)?),
                "port" => port = port_of(value()?)?,
                "url" => report_url = value()?,
                "shared" if inline.is_none() => shares_span_ids = true,
                "h" | "help" => return Err(Refusal::Help),
                _ => return Err(Refusal::Unknown(argument)),
            }
        }
        let actor = actor.ok_or(Refusal::NoActor)?;
        Ok(Self { actor, port, report_url, shares_span_ids })
    }
}

fn actor_of(text: String) -> Result<Actor, Refusal> {
    match text.as_str() {
        "client" => Ok(Actor::Client),
        "server" => Ok(Actor::Server),
        _ => Err(Refusal::Actor(text)),
    }
}

fn port_of(text: String) -> Result<u16, Refusal> {
    text.parse().map_err(|_| Refusal::Port(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, Refusal> {
        Options::parse(line.split_whitespace().map(str::to_owned), None)
    }

    #[test]
    fn flags_are_taken_with_one_dash_or_two() {
        for line in
            ["-actor client -port 81", "--actor client --port 81", "-actor=client --port=81"]
        {
            let options = parsed(line).unwrap();
            assert_eq!((options.actor, options.port), (Actor::Client, 81), "{line}");
            assert_eq!(options.report_url, REPORT_URL);
        }
        assert!(parsed("-shared -actor server").unwrap().shares_span_ids);
    }

    #[test]
    fn the_flag_says_more_than_the_environment() {
        let of = |line: &str| {
            let arguments = line.split_whitespace().map(str::to_owned);
            Options::parse(arguments, Some("http://env".into())).unwrap().report_url
        };
        assert_eq!(of("-actor server"), "http://env");
        assert_eq!(of("-actor server -url http://flag"), "http://flag");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, refusal) in [
            ("", Refusal::NoActor),
            ("-actor director", Refusal::Actor("director".into())),
            ("-actor", Refusal::NoValue("actor".into())),
            ("-actor server -port 65536", Refusal::Port("65536".into())),
            ("-actor server extra", Refusal::Unknown("extra".into())),
            ("-colour red", Refusal::Unknown("-colour".into())),
            ("-h", Refusal::Help),
        ] {
            assert_eq!(parsed(line), Err(refusal), "{line}");
        }
    }
}
