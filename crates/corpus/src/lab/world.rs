//! The lab's services: what they answer, ask and call, and where they run.

use std::sync::Arc;

use spandrel_model::{Attribute, Resource, Scope};

use super::draws::Draws;

/// How many services there are.
const SERVICES: usize = 50;

/// How many of them are called from outside.
pub(super) const ENTRIES: usize = 8;

const FIRST_WORDS: [&str; 25] = [
    "cart",
    "checkout",
    "payment",
    "shipping",
    "catalog",
    "search",
    "recommend",
    "user",
    "auth",
    "session",
    "inventory",
    "pricing",
    "tax",
    "email",
    "notification",
    "order",
    "review",
    "ad",
    "currency",
    "fraud",
    "ledger",
    "media",
    "geo",
    "config",
    "gateway",
];
const SECOND_WORDS: [&str; 2] = ["service", "api"];

/// What is kept: in paths, tables and topics.
pub(super) const THINGS: [&str; 16] = [
    "items",
    "users",
    "orders",
    "products",
    "sessions",
    "payments",
    "quotes",
    "reviews",
    "prices",
    "stock",
    "addresses",
    "events",
    "rates",
    "tokens",
    "invoices",
    "accounts",
];
const METHODS: [&str; 6] = ["GET", "GET", "GET", "POST", "PUT", "DELETE"];
const FUNCTIONS: [&str; 8] = [
    "validate",
    "render",
    "computeTotals",
    "serialize",
    "applyRules",
    "loadCache",
    "mergeResults",
    "resolve",
];
const LANGUAGES: [&str; 4] = ["go", "java", "python", "nodejs"];

/// All there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) services: Vec<Service>,
    /// The HTTP instrumentation, and the services' own.
    pub(super) scopes: [Arc<Scope>; 2],
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) host: String,
    pub(super) operations: Vec<Operation>,
    pub(super) statements: Vec<Statement>,
    pub(super) functions: Vec<Function>,
    pub(super) downstream: Vec<usize>,
    pub(super) instances: Vec<Instance>,
    pub(super) language: usize,
}

/// What a service answers.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) method: &'static str,
    pub(super) route: String,
    pub(super) median_us: f64,
    pub(super) error_probability: f64,
}

/// What a service asks its database or its cache; `#` stands for an id.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) verb: &'static str,
    pub(super) table: &'static str,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) namespace: String,
    pub(super) name: &'static str,
}

/// A process of a service.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) ip: String,
    pub(super) resource: Arc<Resource>,
    /// Its number among all instances.
    pub(super) emitter: u32,
}

impl World {
    pub(super) fn new(draws: &mut Draws) -> Self {
        let mut services: Vec<Service> = Vec::with_capacity(SERVICES);
        let mut emitters = 0;
        for number in 0..SERVICES {
            let service = Service::new(number, emitters, draws);
            emitters += service.instances.len();
            services.push(service);
        }
        let http = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp";
        Self { services, scopes: [http, "app"].map(scope) }
    }
}

fn scope(name: &str) -> Arc<Scope> {
    Arc::new(Scope { name: name.to_owned(), version: "0.53.0".to_owned(), ..Scope::default() })
}

impl Service {
    fn new(number: usize, emitters_before: usize, draws: &mut Draws) -> Self {
        let word = FIRST_WORDS[number % 25];
        let name = format!("{word}-{}", SECOND_WORDS[number / 25]);
        let size = 10 + draws.below(31);
        let operations = (0..size * 5 / 10 + 1).map(|index| operation(index, draws)).collect();
        let statements = (0..size * 3 / 10 + 1).map(|index| statement(index, draws)).collect();
        let functions = (0..size * 2 / 10 + 1).map(|_| function(word, draws)).collect();
        let downstream = downstream(number, draws);
        let instances = instances(&name, emitters_before, draws);
        let language = draws.below(LANGUAGES.len());
        let host = format!("{name}.prod.svc.cluster.local");
        let instances = instances
            .into_iter()
            .map(|place| place.into_instance(&name, LANGUAGES[language]))
            .collect();
        Self { name, host, operations, statements, functions, downstream, instances, language }
    }
}

fn operation(index: usize, draws: &mut Draws) -> Operation {
    let thing = draws.choose(&THINGS);
    let part = draws.choose(&THINGS);
    let method = draws.choose(&METHODS);
    let route = match index % 4 {
        0 => format!("/api/v1/{thing}"),
        1 => format!("/api/v1/{thing}/{{id}}"),
        2 => format!("/api/v1/{thing}/{{id}}/{part}"),
        _ => format!("/api/v2/{thing}/{{id}}/{part}/{{id}}"),
    };
    let median_us = draws.log_normal(2000.0, 1.2);
    let error_probability = if draws.chance(0.1) { 0.05 } else { 0.006 };
    Operation { name: format!("{method} {route}"), method, route, median_us, error_probability }
}

fn statement(index: usize, draws: &mut Draws) -> Statement {
    let table = draws.choose(&THINGS);
    let (verb, text) = match index % 5 {
        0 => (
            "SELECT",
            format!("SELECT id, name, status, created_at, updated_at FROM {table} WHERE id = $1"),
        ),
        1 => (
            "SELECT",
            format!(
                "SELECT * FROM {table} WHERE account_id = # AND status = 'active' \
                 ORDER BY created_at DESC LIMIT 50"
            ),
        ),
        2 => (
            "INSERT",
            format!(
                "INSERT INTO {table} (id, account_id, amount, currency, created_at) \
                 VALUES ($1, $2, $3, $4, now()) RETURNING id"
            ),
        ),
        3 => (
            "UPDATE",
            format!(
                "UPDATE {table} SET status = 'done', updated_at = now() \
                 WHERE id = # AND version = #"
            ),
        ),
        _ => ("GET", format!("GET {table}:#")),
    };
    Statement { verb, table, text }
}

fn function(word: &str, draws: &mut Draws) -> Function {
    let namespace = format!("com.example.{word}.{}", draws.choose(&THINGS));
    Function { namespace, name: draws.choose(&FUNCTIONS) }
}

/// Draws whom a service calls: an entry calls any that is none, the others those after them.
fn downstream(number: usize, draws: &mut Draws) -> Vec<usize> {
    if number < ENTRIES {
        return (0..6).map(|_| ENTRIES + draws.below(SERVICES - ENTRIES)).collect();
    }
    let first = number + 1;
    if first >= SERVICES {
        return Vec::new();
    }
    let count = 3 + draws.below(3);
    (0..count).map(|_| first + draws.below(SERVICES - first)).collect()
}

/// Where an instance runs.
struct Place {
    pod: String,
    ip: String,
    node: String,
    uid: String,
    pid: i64,
    emitter: u32,
}

fn instances(name: &str, emitters_before: usize, draws: &mut Draws) -> Vec<Place> {
    let count = 1 + draws.below(5);
    let replica_set = format!("{:08x}{}", draws.next() as u32, draws.choose(&["-x", "-k"]));
    let mut places = Vec::with_capacity(count);
    for index in 0..count {
        places.push(Place {
            pod: format!("{name}-{replica_set}{:05x}", draws.next() & 0xf_ffff),
            ip: format!("10.{}.{}.{}", draws.below(4) + 40, draws.below(256), draws.below(256)),
            node: format!(
                "ip-10-0-{}-{}.eu-west-1.compute.internal",
                draws.below(3),
                draws.below(20)
            ),
            uid: format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                draws.next() as u32,
                draws.next() & 0xffff,
                draws.next() & 0xfff,
                draws.next() & 0xfff,
                draws.next() & 0xffff_ffff_ffff
            ),
            pid: (1 + draws.below(30)) as i64,
            emitter: (emitters_before + index) as u32,
        });
    }
    places
}

impl Place {
    fn into_instance(self, service: &str, language: &'static str) -> Instance {
        let text = |key: &'static str, value: &str| Attribute::new(key, value.to_owned());
        let attributes = vec![
            text("service.namespace", "shop"),
            text("service.version", "2.14.3"),
            text("service.instance.id", &self.uid),
            text("deployment.environment", "prod"),
            text("host.name", &self.pod),
            text("host.arch", "amd64"),
            text("os.type", "linux"),
            text("k8s.pod.name", &self.pod),
            text("k8s.namespace.name", "prod"),
            text("k8s.node.name", &self.node),
            text("k8s.deployment.name", service),
            Attribute::new("process.pid", self.pid),
            text("telemetry.sdk.language", language),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.version", "1.28.0"),
        ];
        let service_name = Some(service.to_owned());
        let resource = Arc::new(Resource { service_name, attributes, dropped_attributes: 0 });
        Instance { ip: self.ip, resource, emitter: self.emitter }
    }
}
