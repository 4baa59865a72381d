//! The brand's forum: questions that others answer, ideas that others vote on.
//!
//! Who answers whom must be told from either side without looking at everybody. So all persons
//! stand in a round, shuffled anew each time it begins: a turn comes to each person once a round,
//! at the time of their place in it, and they may start a thread then. Each thread has a few
//! turns to reply, which stand in rounds of their own. From a person their places follow, from a
//! place its person: a reply finds its thread, its thread's author, and the other replies.

use super::Living;
use super::number::{self, Cause};
use super::parameters::public as model;
use super::time::{self, DAY, MINUTE};
use crate::dates::Day;
use crate::sample::facts::{CommunityPost, Instant, PersonIndex};
use crate::sample::people::{Person, System};
use crate::sample::random::{Permutation, Purpose, Stream};
use crate::sample::text;
use crate::sample::world::World;

/// Turns to reply that each thread has.
const REPLIES: u64 = (model::THREAD_ROUND_DAYS / model::REPLY_ROUND_DAYS) as u64;

/// A reply comes at most so many days after its thread began.
const MOST_REPLY_DAYS: i64 = 12;

/// A thread that somebody started.
struct Thread {
    number: u64,
    author: PersonIndex,
    begun_at: Instant,
    is_question: bool,
    topic: &'static str,
}

/// The place in all rounds of a turn to start a thread.
#[derive(Debug, Clone, Copy)]
struct Turn {
    round: i64,
    place: u64,
}

fn threads(world: &World, round: i64) -> Permutation {
    Permutation::of(world.seed, Purpose::CommunityPost, &[0, round as u64], world.persons)
}

/// The turns to reply of the part `part` (0 up to [`REPLIES`]) of a round.
fn replies(world: &World, round: i64, part: u64) -> Permutation {
    let words = [1, round as u64, part];
    Permutation::of(world.seed, Purpose::CommunityPost, &words, world.persons)
}

/// The day of a turn.
fn day_of(world: &World, turn: Turn) -> Day {
    let days = model::THREAD_ROUND_DAYS.unsigned_abs();
    let within = u128::from(turn.place) * u128::from(days) / u128::from(world.persons.max(1));
    let first = i32::try_from(turn.round * model::THREAD_ROUND_DAYS).unwrap_or(0);
    Day::from_epoch(first).unwrap_or(world.days.from).plus(within as u64)
}

/// The thread of a turn, if its person takes it.
fn thread(world: &World, person: &Person, turn: Turn) -> Option<Thread> {
    let words = [person.index, turn.round as u64, 2];
    let mut stream = Stream::of(world.seed, Purpose::CommunityPost, &words);
    if !takes_turn(person, &mut stream) {
        return None;
    }
    let begun_at = time::clock(&mut stream, day_of(world, turn), &time::ONLINE);
    let topics = [("product", 0.5), ("delivery", 0.2), ("app", 0.15), ("store", 0.15)];
    (begun_at >= person.acquired_at).then(|| Thread {
        number: number::number(person.index, Cause::Round(round_word(turn.round)), 0),
        author: person.index,
        begun_at,
        is_question: stream.chance(model::QUESTION_SHARE),
        topic: stream.pick_weighted(&topics),
    })
}

fn takes_turn(person: &Person, stream: &mut Stream) -> bool {
    person.is_in(System::Forum)
        && stream.chance((model::TURN_TAKEN_SHARE * f64::from(person.activity)).min(0.95))
}

/// When a person replies at their turn, if they do; the thread's own author does not.
fn reply_at(
    world: &World,
    person: &Person,
    thread: &Thread,
    turn: Turn,
    reply: u64,
) -> Option<Instant> {
    let words = [person.index, turn.round as u64, turn.place, reply];
    let mut stream = Stream::of(world.seed, Purpose::CommunityPost, &words);
    if thread.author == person.index || !takes_turn(person, &mut stream) {
        return None;
    }
    let delay = stream.exponential(1.1 * DAY as f64) as i64 + 8 * MINUTE;
    let at = thread.begun_at + delay.min((MOST_REPLY_DAYS - 1) * DAY);
    (at >= person.acquired_at).then_some(at)
}

/// The person whose turn it is to give the reply `reply` (0 up to [`REPLIES`]) to a turn's thread.
fn replier(world: &World, turn: Turn, reply: u64) -> PersonIndex {
    let place = turn.place * REPLIES + reply;
    replies(world, turn.round, place / world.persons).at(place % world.persons)
}

/// Rounds as causes name them: alike only after thousands.
fn round_word(round: i64) -> u16 {
    round.rem_euclid(1 << 15) as u16
}

/// Tells the posts of the window.
pub(super) fn tell(living: &Living<'_>, posts: &mut Vec<CommunityPost>) {
    if !living.person.is_in(System::Forum) {
        return;
    }
    let first = i64::from(living.window.from.to_epoch()) - MOST_REPLY_DAYS;
    let last = i64::from(living.window.to.to_epoch()) - 1;
    let days = model::THREAD_ROUND_DAYS;
    for round in first.div_euclid(days)..=last.div_euclid(days) {
        own_thread(living, round, posts);
        let begins = round * days;
        // The parts of the round that threads of these days fall into.
        let part =
            |day: i64| ((day - begins).clamp(0, days - 1) / model::REPLY_ROUND_DAYS).unsigned_abs();
        // A place's day is rounded down, so the next part may begin on the last day.
        let parts = part(first)..=(part(last) + 1).min(REPLIES - 1);
        for part in parts {
            own_reply(living, round, part, posts);
        }
    }
}

fn own_thread(living: &Living<'_>, round: i64, posts: &mut Vec<CommunityPost>) {
    let (world, person) = (living.company.world, &living.person);
    let turn = Turn { round, place: threads(world, round).back(person.index) };
    if !living.window_holds(day_of(world, turn)) {
        return;
    }
    let Some(thread) = thread(world, person, turn) else { return };
    let kind = if thread.is_question { "question" } else { "idea" };
    push(living, thread.number, kind, None, thread.begun_at, thread.topic, false, posts);
}

fn own_reply(living: &Living<'_>, round: i64, part: u64, posts: &mut Vec<CommunityPost>) {
    let (world, person) = (living.company.world, &living.person);
    let place = part * world.persons + replies(world, round, part).back(person.index);
    let (turn, reply) = (Turn { round, place: place / REPLIES }, place % REPLIES);
    // Looking at another person is dear: only where the days fit.
    let day = day_of(world, turn);
    let (from, to) = (living.window.from.minus(MOST_REPLY_DAYS.unsigned_abs()), living.window.to);
    if day < from || day >= to {
        return;
    }
    let author = Person::of(world, threads(world, round).at(turn.place));
    let Some(thread) = thread(world, &author, turn) else { return };
    let Some(at) = reply_at(world, person, &thread, turn, reply) else { return };
    if !living.span.holds(at) {
        return;
    }
    // A round has a place for each part, beside that of the person's own thread.
    let number = number::number(person.index, Cause::Round(round_word(round)), 1 + part);
    let (kind, is_accepted) = match thread.is_question {
        true => ("answer", is_accepted(world, &thread, turn, reply)),
        false => ("vote", false),
    };
    push(living, number, kind, Some(thread.number), at, thread.topic, is_accepted, posts);
}

/// Whether a given reply is the one that a question's asker accepts: the first of those given, in
/// order of turns.
fn is_accepted(world: &World, thread: &Thread, turn: Turn, reply: u64) -> bool {
    let words = [thread.author, turn.round as u64, 3];
    let accepts =
        Stream::of(world.seed, Purpose::CommunityPost, &words).chance(model::ACCEPTING_SHARE);
    accepts
        && (0..reply).all(|earlier| {
            let other = Person::of(world, replier(world, turn, earlier));
            reply_at(world, &other, thread, turn, earlier).is_none()
        })
}

#[allow(clippy::too_many_arguments)] // what all kinds of posts share
fn push(
    living: &Living<'_>,
    number: u64,
    kind: &'static str,
    parent: Option<u64>,
    posted_at: Instant,
    topic: &'static str,
    is_accepted: bool,
    posts: &mut Vec<CommunityPost>,
) {
    let person = &living.person;
    let text = (kind != "vote").then(|| {
        let words = [Purpose::CommunityPost as u64, number];
        let mut stream = Stream::of(living.company.world.seed, Purpose::Text, &words);
        text::forum(&mut stream, kind, topic, person.language)
    });
    posts.push(CommunityPost {
        number,
        person: person.index,
        kind,
        parent,
        posted_at,
        text,
        topic,
        is_accepted,
    });
}
