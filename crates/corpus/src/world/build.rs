//! Builds a world piece by piece: instances with their resources, templates with their
//! attributes.

use std::sync::Arc;

use spandrel_model::{Attribute, Resource, Scope};

use super::words::{ASPECTS, OPTIONS, SUBJECTS, VERBS, WORDS};
use super::{AttributeSpec, Instance, Role, Service, Template, Values, World};
use crate::fixed::{Quantiles, normal};
use crate::random::{SplitMix, hex};

/// How many attributes a template has.
static ATTRIBUTE_COUNTS: Quantiles<5> =
    Quantiles::new([(0, 3), (500_000, 7), (950_000, 20), (999_000, 60), (1_000_000, 128)]);

/// How many pools of texts there are, and how large they are.
const POOLS: u64 = 8;
const POOL_SIZES: [u64; 2] = [100, 1_000];

/// The spread of most clocks, and what the others are off.
const SKEW_SIGMA_NS: i64 = 2_000_000;
const SKEW_OFF_NS: i64 = 500_000_000;

/// What a template is about, besides its role and its name.
pub(super) struct Pace {
    pub(super) self_time_ns: u64,
    pub(super) sigma: u32,
    pub(super) error_ppm: u32,
}

/// A world in the making.
pub(super) struct Builder {
    pub(super) stream: SplitMix,
    pub(super) world: World,
}

impl Builder {
    pub(super) fn new(start: u64) -> Self {
        let mut stream = SplitMix::new(start);
        let pools = (0..POOLS).map(|number| pool(number, &mut stream)).collect();
        let scopes = ["http", "rpc", "database", "messaging", "app"].map(|name| {
            let name = format!("io.example.instrumentation.{name}");
            Arc::new(Scope { name, version: "1.9.0".to_owned(), ..Scope::default() })
        });
        let world = World {
            services: Vec::new(),
            templates: Vec::new(),
            instances: Vec::new(),
            attribute_sets: Vec::new(),
            pools,
            visits: Vec::new(),
            scopes,
        };
        Self { stream, world }
    }

    /// Adds a service that does nothing yet.
    pub(super) fn add_service(&mut self, name: String, language: &str, instance_count: u64) -> u32 {
        let first = self.world.instances.len() as u32;
        for number in 0..instance_count {
            let instance = self.instance(&name, language, number);
            self.world.instances.push(instance);
        }
        self.world.services.push(Service {
            name,
            instances: first..self.world.instances.len() as u32,
            answers: Vec::new(),
            internals: Vec::new(),
            statements: Vec::new(),
            messages: Vec::new(),
            calls: Vec::new(),
        });
        self.world.services.len() as u32 - 1
    }

    fn instance(&mut self, service: &str, language: &str, number: u64) -> Instance {
        let stream = &mut self.stream;
        let pod = format!("{service}-{:08x}-{number:05x}", stream.next() as u32);
        let id = u128::from(stream.next()) << 64 | u128::from(stream.next());
        let node = format!("ip-10-{}-{}.example.internal", stream.below(4), stream.below(250));
        let version = format!("{}.{}.0", 1 + stream.below(3), stream.below(20));
        let text = |key: &'static str, value: &str| Attribute::new(key, value.to_owned());
        let attributes = vec![
            text("service.instance.id", &hex(id)),
            text("service.version", &version),
            text("deployment.environment.name", "production"),
            text("host.name", &node),
            text("k8s.pod.name", &pod),
            text("k8s.namespace.name", "default"),
            Attribute::new("process.pid", 1 + stream.below(400) as i64),
            text("telemetry.sdk.language", language),
            text("telemetry.sdk.version", "1.40.0"),
        ];
        let is_off = stream.chance(10_000);
        let skew_ns = match (is_off, stream.below(2)) {
            (false, _) => normal(stream, SKEW_SIGMA_NS),
            (true, 0) => SKEW_OFF_NS,
            (true, _) => -SKEW_OFF_NS,
        };
        let service_name = Some(service.to_owned());
        let resource = Resource { service_name, attributes, dropped_attributes: 0 };
        Instance { resource: Arc::new(resource), skew_ns }
    }

    /// Adds a template with attributes of its own, and returns its number.
    pub(super) fn add_template(
        &mut self,
        service: u32,
        role: Role,
        name: String,
        pace: Pace,
    ) -> u32 {
        let attributes = self.add_attributes(service, role, &name);
        self.add_template_with(service, role, name, (pace, attributes))
    }

    /// Adds a template that shares its attributes with others.
    pub(super) fn add_template_with(
        &mut self,
        service: u32,
        role: Role,
        name: String,
        (pace, attributes): (Pace, u32),
    ) -> u32 {
        let Pace { self_time_ns, sigma, error_ppm } = pace;
        let counterpart = None;
        self.world.templates.push(Template {
            service,
            role,
            name,
            self_time_ns,
            sigma,
            error_ppm,
            attributes,
            counterpart,
        });
        self.world.templates.len() as u32 - 1
    }

    /// Adds a set of attributes: those that the role's conventions ask for, then the service's own.
    pub(super) fn add_attributes(&mut self, service: u32, role: Role, name: &str) -> u32 {
        let count = ATTRIBUTE_COUNTS.draw(&mut self.stream) as usize;
        let host = &self.world.services[service as usize].name;
        let mut specs = conventional(role, name, host);
        specs.truncate(count);
        while specs.len() < count {
            let spec = self.own_attribute();
            if !specs.iter().any(|known| known.key == spec.key) {
                specs.push(spec);
            }
        }
        self.world.attribute_sets.push(specs);
        self.world.attribute_sets.len() as u32 - 1
    }

    fn own_attribute(&mut self) -> AttributeSpec {
        let stream = &mut self.stream;
        let key = format!("app.{}.{}", stream.choose(&SUBJECTS), stream.choose(&ASPECTS));
        let is_always = stream.chance(700_000);
        let sometimes_ppm = 100_000 + stream.below(800_000) as u32;
        let presence_ppm = if is_always { 1_000_000 } else { sometimes_ppm };
        let values = match stream.below(100) {
            0..36 => Values::Texts(options(stream)),
            36..42 => {
                Values::Ints((0..2 + stream.below(9)).map(|_| stream.doubling(12) as i64).collect())
            }
            42..52 => Values::Flag(20_000 + stream.below(960_000) as u32),
            52..72 => Values::Pool(stream.below(POOLS) as u32),
            72..83 => Values::Number { median: 1 + stream.doubling(20), sigma: 120 },
            83..86 => Values::Ratio,
            86..88 => Values::List(options(stream)),
            88..93 => Values::User("u-"),
            93..97 => Values::Identifier,
            97..98 => Values::Digest,
            _ => Values::Prose,
        };
        AttributeSpec { key, presence_ppm, values }
    }

    /// Returns the time and the luck of something whose median time is about this.
    pub(super) fn pace(&mut self, self_time_ns: u64) -> Pace {
        let self_time_ns = crate::fixed::log_normal(&mut self.stream, self_time_ns, 80);
        let sigma = 40 + self.stream.below(81) as u32;
        let is_flagged = self.stream.chance(50_000);
        Pace { self_time_ns, sigma, error_ppm: if is_flagged { 50_000 } else { 5_000 } }
    }
}

fn options(stream: &mut SplitMix) -> Vec<String> {
    let count = 2 + stream.index(9);
    let first = stream.index(OPTIONS.len());
    (0..count).map(|index| OPTIONS[(first + index * 7) % OPTIONS.len()].to_owned()).collect()
}

fn pool(number: u64, stream: &mut SplitMix) -> Vec<String> {
    let size = POOL_SIZES[0] + stream.below(POOL_SIZES[1] - POOL_SIZES[0]);
    let text = |index: u64, stream: &mut SplitMix| {
        let (verb, subject) = (*stream.choose(&VERBS), *stream.choose(&SUBJECTS));
        let (aspect, word) = (*stream.choose(&ASPECTS), *stream.choose(&WORDS));
        match number % 4 {
            0 => format!("/{subject}/{aspect}/{index}"),
            1 => format!("{verb}{subject}{index}"),
            2 => format!("select {aspect}, {word} from {subject} where {aspect} = ${index}"),
            _ => format!("{subject}.{aspect}.{word}-{index}"),
        }
    };
    (0..size).map(|index| text(index, stream)).collect()
}

/// Returns the attributes that the semantic conventions name for a role, the common ones first.
fn conventional(role: Role, name: &str, host: &str) -> Vec<AttributeSpec> {
    let (first, rest) = name.split_once(' ').unwrap_or((name, name));
    let listed = match role {
        Role::HttpServer | Role::HttpClient => of_http(role, first, rest, host),
        _ => of_others(role, name, (first, rest), host),
    };
    let always = |(key, values): (&str, Values)| AttributeSpec {
        key: key.to_owned(),
        presence_ppm: 1_000_000,
        values,
    };
    listed.into_iter().map(always).collect()
}

fn texts(choices: &[&str]) -> Values {
    Values::Texts(choices.iter().map(|&text| text.to_owned()).collect())
}

fn of_http(role: Role, method: &str, route: &str, host: &str) -> Vec<(&'static str, Values)> {
    if role == Role::HttpServer {
        return vec![
            ("http.request.method", texts(&[method])),
            ("http.response.status_code", Values::HttpStatus),
            ("http.route", texts(&[route])),
            ("url.path", Values::Path(route.to_owned())),
            (
                "user_agent.original",
                texts(&[
                    "okhttp/4.12.0",
                    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                    "curl/8.14.1",
                ]),
            ),
            ("client.port", Values::Number { median: 41_000, sigma: 20 }),
            ("http.response.body.size", Values::Number { median: 900, sigma: 150 }),
            ("enduser.id", Values::User("user-")),
            ("url.scheme", texts(&["https", "http"])),
        ];
    }
    vec![
        ("http.request.method", texts(&[method])),
        ("http.response.status_code", Values::HttpStatus),
        ("server.address", texts(&[host])),
        ("url.full", Values::Path(format!("http://{host}:8080{route}"))),
        ("server.port", Values::Ints(vec![8080])),
        ("http.response.body.size", Values::Number { median: 900, sigma: 150 }),
        ("network.protocol.version", texts(&["1.1", "2"])),
    ]
}

fn of_others(
    role: Role,
    name: &str,
    (first, rest): (&str, &str),
    host: &str,
) -> Vec<(&'static str, Values)> {
    match role {
        Role::RpcServer | Role::RpcClient => vec![
            ("rpc.system", texts(&["grpc"])),
            ("rpc.method", texts(&[name])),
            ("rpc.grpc.status_code", Values::CallStatus),
            ("server.address", texts(&[host])),
            ("server.port", Values::Ints(vec![50_051])),
            ("network.type", texts(&["ipv4", "ipv6"])),
        ],
        Role::Database => vec![
            ("db.system.name", texts(&["postgresql"])),
            ("db.operation.name", texts(&[first])),
            ("db.collection.name", texts(&[rest])),
            ("db.query.text", Values::Path(format!("{first} FROM {rest} WHERE id = "))),
            ("db.namespace", texts(&[host])),
            ("db.response.returned_rows", Values::Number { median: 4, sigma: 150 }),
            ("server.address", texts(&["pg-0.database.internal", "pg-1.database.internal"])),
        ],
        Role::Producer | Role::Consumer => vec![
            ("messaging.system", texts(&["kafka"])),
            ("messaging.destination.name", texts(&[first])),
            ("messaging.message.id", Values::Identifier),
            ("messaging.kafka.offset", Values::Number { median: 5_000_000, sigma: 40 }),
            (
                "messaging.destination.partition.id",
                texts(&["0", "1", "2", "3", "4", "5", "6", "7"]),
            ),
            ("messaging.message.body.size", Values::Number { median: 600, sigma: 100 }),
        ],
        _ => vec![
            ("code.function.name", texts(&[name])),
            ("thread.id", Values::Number { median: 30, sigma: 80 }),
            ("code.line.number", Values::Ints(vec![40 + name.len() as i64 * 7])),
        ],
    }
}
