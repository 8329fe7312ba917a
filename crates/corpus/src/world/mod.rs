//! Who calls whom: services, what they do, where they run, and which attributes they write.
//!
//! A world is the profile's and the same under every seed, so it is made once a process and
//! spans borrow its texts.

mod build;
mod mesh;
mod shop;
mod words;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use spandrel_model::{Resource, Scope, SpanKind};

pub(crate) use self::mesh::ENTRIES;
pub(crate) use self::shop::ShopStep;
use self::shop::Visit;
pub(crate) use self::words::WORDS;

/// The services of [`crate::Profile::Mesh`].
pub(crate) static MESH: LazyLock<World> = LazyLock::new(mesh::world);

/// The services of [`crate::Profile::Shop`].
pub(crate) static SHOP: LazyLock<World> = LazyLock::new(shop::world);

/// All there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) services: Vec<Service>,
    pub(crate) templates: Vec<Template>,
    pub(crate) instances: Vec<Instance>,
    /// The attributes of templates, which may share them.
    pub(crate) attribute_sets: Vec<Vec<AttributeSpec>>,
    /// Texts of which some attributes have one: routes, statements, codes.
    pub(crate) pools: Vec<Vec<String>>,
    /// What visitors of the shop do; nothing in other worlds.
    pub(crate) visits: Vec<Visit>,
    /// The instrumentations, by [`Role::scope`].
    pub(crate) scopes: [Arc<Scope>; 5],
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Where its processes stand among all instances.
    pub(crate) instances: Range<u32>,
    /// Templates of what it answers; the first ones are asked most.
    pub(crate) answers: Vec<u32>,
    /// Templates of what it does by itself or asks of databases.
    pub(crate) internals: Vec<u32>,
    pub(crate) statements: Vec<u32>,
    /// Templates of the messages that it sends.
    pub(crate) messages: Vec<u32>,
    /// Services that it calls; the first ones are called most.
    pub(crate) calls: Vec<u32>,
}

/// A process of a service.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) resource: Arc<Resource>,
    /// How far its clock is ahead.
    pub(crate) skew_ns: i64,
}

/// What spans of one operation have in common.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) service: u32,
    pub(crate) role: Role,
    pub(crate) name: String,
    /// The time it takes itself: the median, and the sigma of its logarithm in hundredths.
    pub(crate) self_time_ns: u64,
    pub(crate) sigma: u32,
    pub(crate) error_ppm: u32,
    /// Which of the attribute sets it has.
    pub(crate) attributes: u32,
    /// Of what is answered, the template of the asking side; of a message, that of the receiver.
    pub(crate) counterpart: Option<u32>,
}

/// What a span does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    HttpServer,
    HttpClient,
    RpcServer,
    RpcClient,
    Database,
    Internal,
    Producer,
    Consumer,
}

impl Role {
    pub(crate) fn kind(self) -> SpanKind {
        match self {
            Self::HttpServer | Self::RpcServer => SpanKind::Server,
            Self::HttpClient | Self::RpcClient | Self::Database => SpanKind::Client,
            Self::Internal => SpanKind::Internal,
            Self::Producer => SpanKind::Producer,
            Self::Consumer => SpanKind::Consumer,
        }
    }

    /// Which instrumentation makes it.
    pub(crate) fn scope(self) -> usize {
        match self {
            Self::HttpServer | Self::HttpClient => 0,
            Self::RpcServer | Self::RpcClient => 1,
            Self::Database => 2,
            Self::Producer | Self::Consumer => 3,
            Self::Internal => 4,
        }
    }

    /// Whether it is where a request or a message reaches a service.
    pub(crate) fn is_arrival(self) -> bool {
        matches!(self, Self::HttpServer | Self::RpcServer | Self::Consumer)
    }
}

/// An attribute that spans of a template may have.
#[derive(Debug)]
pub(crate) struct AttributeSpec {
    pub(crate) key: String,
    /// How many of a million spans have it.
    pub(crate) presence_ppm: u32,
    pub(crate) values: Values,
}

/// What values an attribute has.
#[derive(Debug)]
pub(crate) enum Values {
    /// A few texts, the first ones most often.
    Texts(Vec<String>),
    /// A few numbers, the first ones most often.
    Ints(Vec<i64>),
    /// One of a pool of texts.
    Pool(u32),
    /// A measured number, log-normal.
    Number {
        median: u64,
        sigma: u32,
    },
    /// A share of one, as a double.
    Ratio,
    /// True for this many of a million.
    Flag(u32),
    /// 128 bits as hexadecimal text, never twice the same.
    Identifier,
    /// A user's number behind a prefix; few of many thousand are common.
    User(&'static str),
    /// A path with such a number at its end.
    Path(String),
    /// The status of an HTTP response, or that of a call.
    HttpStatus,
    CallStatus,
    /// A list of one to three texts.
    List(Vec<String>),
    /// Sixteen bytes.
    Digest,
    /// 200 to 2,000 bytes of words.
    Prose,
}
