//! Two hundred services in six tiers, who call those below them.
//!
//! The proportions follow published studies of large installations (Meta's, Alibaba's): few
//! services are called by most, most have few operations, one has ten thousand. Instances are far
//! fewer than theirs, so that in a corpus of some millions an instance fills a request.

use super::build::Builder;
use super::words::{ASPECTS, SUBJECTS, SUFFIXES, VERBS};
use super::{Role, World};
use crate::fixed::Quantiles;

const SERVICES: u32 = 200;

/// Services up to here are called from outside, services from the other on call no other.
pub(crate) const ENTRIES: u32 = 26;
const LEAVES_FROM: u32 = 122;

/// How many services the tiers between them have each.
const TIER: u32 = 24;

/// The service with very many operations, and how many.
const OFFENDER: u32 = 100;
const OFFENDER_OPERATIONS: u64 = 10_000;

/// How many sets of attributes its operations share.
const OFFENDER_SETS: u64 = 8;

static INSTANCES: Quantiles<4> =
    Quantiles::new([(0, 1), (500_000, 2), (900_000, 6), (1_000_000, 20)]);
static FAN_OUT: Quantiles<5> =
    Quantiles::new([(0, 1), (500_000, 4), (900_000, 13), (990_000, 93), (1_000_000, 100)]);
static OPERATIONS: Quantiles<6> = Quantiles::new([
    (0, 1),
    (500_000, 1),
    (750_000, 2),
    (950_000, 7),
    (990_000, 25),
    (1_000_000, 613),
]);

pub(super) fn world() -> World {
    let mut builder = Builder::new(0x6d65_7368);
    for number in 0..SERVICES {
        let subject = SUBJECTS[number as usize % SUBJECTS.len()];
        let suffix = SUFFIXES[number as usize / SUBJECTS.len()];
        let language = *builder.stream.choose(&["go", "java", "python", "nodejs", "rust"]);
        let instances = INSTANCES.draw(&mut builder.stream);
        builder.add_service(format!("{subject}-{suffix}"), language, instances);
    }
    for number in 0..SERVICES {
        add_answers(&mut builder, number);
        add_inner_work(&mut builder, number);
    }
    // A message is for another service, whose templates must be there already.
    for number in 0..LEAVES_FROM {
        add_messages(&mut builder, number);
    }
    add_calls(&mut builder);
    builder.world
}

fn add_answers(builder: &mut Builder, service: u32) {
    let count = match service {
        OFFENDER => OFFENDER_OPERATIONS,
        _ => OPERATIONS.draw(&mut builder.stream),
    };
    // Every third service is called by gRPC.
    let (server, client) = match service {
        _ if service < ENTRIES || !service.is_multiple_of(3) => {
            (Role::HttpServer, Role::HttpClient)
        }
        _ => (Role::RpcServer, Role::RpcClient),
    };
    let mut shared = Vec::new();
    for index in 0..count {
        let name = answer_name(builder, server, index);
        let asking = name.split(' ').next().unwrap_or_default().to_owned();
        if (shared.len() as u64) < OFFENDER_SETS || service != OFFENDER {
            let sets = (
                builder.add_attributes(service, server, &name),
                builder.add_attributes(service, client, &name),
            );
            shared.push(sets);
        }
        let sets = shared[index as usize % shared.len()];
        let (pace, network) = (builder.pace(400_000), builder.pace(250_000));
        let answer = builder.add_template_with(service, server, name, (pace, sets.0));
        let asked = builder.add_template_with(service, client, asking, (network, sets.1));
        builder.world.templates[answer as usize].counterpart = Some(asked);
        builder.world.services[service as usize].answers.push(answer);
    }
}

fn answer_name(builder: &mut Builder, role: Role, index: u64) -> String {
    let stream = &mut builder.stream;
    let (subject, aspect) = (*stream.choose(&SUBJECTS), *stream.choose(&ASPECTS));
    let verb = *stream.choose(&VERBS);
    let method = *stream.choose(&["GET", "GET", "GET", "POST", "PUT"]);
    if role == Role::HttpServer {
        format!("{method} /api/{subject}/{aspect}/{index}")
    } else {
        format!("{subject}.v1.{subject}Service/{verb}{index}")
    }
}

fn add_inner_work(builder: &mut Builder, service: u32) {
    for _ in 0..1 + builder.stream.below(5) {
        let (verb, subject) = (*builder.stream.choose(&VERBS), *builder.stream.choose(&SUBJECTS));
        let pace = builder.pace(150_000);
        let template =
            builder.add_template(service, Role::Internal, format!("{verb}.{subject}"), pace);
        builder.world.services[service as usize].internals.push(template);
    }
    for _ in 0..1 + builder.stream.below(6) {
        let verb = *builder.stream.choose(&["SELECT", "SELECT", "INSERT", "UPDATE"]);
        let table = *builder.stream.choose(&SUBJECTS);
        let pace = builder.pace(1_200_000);
        let template =
            builder.add_template(service, Role::Database, format!("{verb} {table}"), pace);
        builder.world.services[service as usize].statements.push(template);
    }
}

fn add_messages(builder: &mut Builder, service: u32) {
    for _ in 0..1 + builder.stream.below(2) {
        let topic = *builder.stream.choose(&SUBJECTS);
        let receiver = ENTRIES + builder.stream.below(u64::from(SERVICES - ENTRIES)) as u32;
        let (sending, receiving) = (builder.pace(300_000), builder.pace(600_000));
        let name = format!("{topic} publish");
        let sent = builder.add_template(service, Role::Producer, name, sending);
        let name = format!("{topic} process");
        let received = builder.add_template(receiver, Role::Consumer, name, receiving);
        builder.world.templates[sent as usize].counterpart = Some(received);
        builder.world.services[service as usize].messages.push(sent);
    }
}

/// Draws who calls whom: the more callers a service has, the likelier it is called by the next.
fn add_calls(builder: &mut Builder) {
    // The one with very many operations is popular, or nobody would see them.
    let mut called = vec![OFFENDER; 8];
    for caller in 0..LEAVES_FROM {
        let first = below(caller);
        let count = FAN_OUT.draw(&mut builder.stream);
        let mut calls: Vec<u32> = Vec::new();
        for _ in 0..count {
            let fresh = first + builder.stream.below(u64::from(SERVICES - first)) as u32;
            let is_popular = builder.stream.chance(700_000);
            let known = if is_popular { *builder.stream.choose(&called) } else { fresh };
            let target = if known >= first { known } else { fresh };
            if !calls.contains(&target) {
                calls.push(target);
                called.push(target);
            }
        }
        builder.world.services[caller as usize].calls = calls;
    }
}

/// Returns the first service that this one may call. Services of a middle tier call those of their own, too.
fn below(caller: u32) -> u32 {
    if caller < ENTRIES { ENTRIES } else { ENTRIES + (caller - ENTRIES) / TIER * TIER }
}
