//! The drive: person by person and day by day through the whole order, in bounded memory.
//!
//! Persons go in parts, days in windows; of one part and window everything is in memory, and no
//! more. Within it, persons are simulated in blocks and files are encoded on all threads; what
//! comes out depends on none of that.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use super::carry::{append, left_over, reserve};
use super::dirt::files::FileFaults;
use super::dirt::plan::{Debts, Planned};
use super::dirt::{FileFault, Shares, shares};
use super::facts::{Facts, PersonIndex};
use super::feeds::contacts::Contacts;
use super::feeds::encode::{self, Encoded, Place};
use super::feeds::scene::{People, Scene};
use super::feeds::schedule::Schedule;
use super::feeds::{Feed, Load};
use super::life::{Course, Lives};
use super::people::{Dirt, System};
use super::places::Written;
use super::truth::metrics::{ContactNews, Deviations, MetricTruth, OddOrders, Standings};
use super::truth::{self, PartTruth};
use super::world::{World, calendar};
use super::{Order, Summary, columns, life};
use crate::dates::{Day, DayRange};
use crate::errors::{Error, Kind, Result};
use crate::parallel;

/// Days in a window.
const WINDOW_DAYS: u64 = 31;

/// Persons that are simulated by one thread at a time.
const BLOCK_PERSONS: u64 = 250;

/// Where refused files lie intact, in the truth's folder.
const REDELIVERY: &str = "redelivery";

/// What the drive tells those who write.
#[derive(Debug)]
pub enum Message {
    /// What is about to be written, and a name for the list of it.
    Announce(String, Written),
    /// An export: its path and bytes.
    Export(String, Bytes),
    /// An object of the truth: its path and bytes.
    Truth(String, Bytes),
    /// So many of so many steps are behind us.
    Progress(usize, usize),
}

/// The drive, and all that outlives a part.
struct Drive<'a> {
    order: &'a Order,
    world: World,
    shares: Shares,
    sender: Sender<Message>,
    file_faults: FileFaults,
    metrics: MetricTruth,
    summary: Summary,
}

/// A part of the persons, and all that outlives a window.
struct Part {
    /// Its number, from 1.
    number: u32,
    persons: std::ops::Range<PersonIndex>,
    people: People,
    debts: BTreeMap<Feed, Debts>,
    carried: Facts,
    standings: Standings,
    /// The persons' lives up to the end of the exported days, once the last window is simulated.
    courses: Vec<Course>,
    odd_orders: OddOrders,
    truth: PartTruth,
}

/// A file that is to be.
struct Task {
    feed: Feed,
    day: Day,
    due: Vec<Planned>,
    fault: Option<FileFault>,
}

/// Simulates and encodes the whole order, and hands everything to `sender`.
///
/// Errors: those of encoding, or that nobody listens any more.
pub fn drive(order: &Order, sender: Sender<Message>) -> Result<Summary> {
    let mut drive = Drive {
        order,
        world: World::new(order.seed, order.customers, order.days),
        shares: shares(order.dirt),
        sender,
        file_faults: FileFaults::new(order.dirt, order.days),
        metrics: MetricTruth::new(order.days),
        summary: Summary::default(),
    };
    let part_count = order.customers.div_ceil(order.persons_a_part);
    let windows = windows(order.days);
    let step_count = part_count as usize * windows.len();
    let mut step = 0;
    for number in 0..part_count {
        let first = number * order.persons_a_part;
        let persons = first..(first + order.persons_a_part).min(order.customers);
        let mut part = drive.part(number as u32 + 1, persons)?;
        for window in &windows {
            drive.window(&mut part, *window)?;
            step += 1;
            drive.send(Message::Progress(step, step_count))?;
        }
        drive.end_part(part)?;
    }
    drive.end()
}

/// The days in windows.
fn windows(days: DayRange) -> Vec<DayRange> {
    let starts = days.days().step_by(WINDOW_DAYS as usize);
    starts.map(|from| DayRange { from, to: from.plus(WINDOW_DAYS).min(days.to) }).collect()
}

/// Persons in blocks.
fn blocks(persons: &std::ops::Range<PersonIndex>) -> Vec<std::ops::Range<PersonIndex>> {
    let starts = persons.clone().step_by(BLOCK_PERSONS as usize);
    starts.map(|first| first..(first + BLOCK_PERSONS).min(persons.end)).collect()
}

impl Drive<'_> {
    fn send(&self, message: Message) -> Result<()> {
        let gone = |_| Error::new(Kind::Defect, "nobody writes what is made");
        self.sender.blocking_send(message).map_err(gone)
    }

    /// `work` on each block of a part's persons.
    fn on_blocks<T: Send>(
        &self,
        persons: &std::ops::Range<PersonIndex>,
        work: impl Fn(std::ops::Range<PersonIndex>) -> T + Sync,
    ) -> Result<Vec<T>> {
        let blocks = blocks(persons);
        parallel::map(self.order.threads, blocks.len(), |block| {
            // Whoever stopped listening wants nothing more simulated either.
            if self.sender.is_closed() {
                return Err(Error::new(Kind::Defect, "nobody writes what is made"));
            }
            Ok(work(blocks[block].clone()))
        })
    }

    fn part(&self, number: u32, persons: std::ops::Range<PersonIndex>) -> Result<Part> {
        let people =
            self.on_blocks(&persons, |block| People::of(&self.world, block, self.order.dirt))?;
        let debts =
            Feed::ALL.map(|feed| (feed, Debts::new(self.order.seed, feed, number, self.shares)));
        Ok(Part {
            number,
            standings: Standings::of(&persons),
            persons,
            people: People::joined(people),
            debts: debts.into_iter().collect(),
            carried: Facts::default(),
            courses: Vec::new(),
            odd_orders: OddOrders::new(),
            truth: PartTruth::default(),
        })
    }

    /// What happens in a window, and what the window before left over.
    fn facts(&mut self, part: &mut Part, window: DayRange) -> Result<Facts> {
        let is_first = window.from == self.order.days.from;
        let is_last = window.to == self.order.days.to;
        let blocks = self.on_blocks(&part.persons, |block| {
            let persons = part.people.some(&block);
            // Where the exports begin they tell the register of consents that the CRM holds.
            let Lives { facts, courses } = life::lives(&self.world, persons, window, is_first);
            let mut metrics = MetricTruth::new(self.order.days);
            let mut standings = part.standings.some(&block);
            let people = &part.people;
            let dirt = self.order.dirt;
            standings.expect(ContactNews::of(&self.world, people, block, window, dirt));
            metrics.add(&self.world, &facts, window, &mut standings);
            if is_first {
                for person in persons {
                    let records = part.people.records(person.index).iter();
                    let card = records.filter(|it| it.system == System::Loyalty && it.number == 0);
                    card.for_each(|card| metrics.add_member(card));
                }
                let begin = calendar::london_midnight(window.from);
                let register = facts.consents.partition_point(|consent| consent.at < begin);
                metrics.add_register(&facts.consents[..register]);
            }
            if is_last {
                for (person, course) in persons.iter().zip(&courses) {
                    metrics.add_course(&self.world, person, course);
                }
            }
            (facts, courses, metrics, standings)
        })?;
        let mut all = std::mem::take(&mut part.carried);
        reserve(&mut all, blocks.iter().map(|(facts, ..)| facts));
        for (facts, courses, metrics, standings) in blocks {
            append(&mut all, facts);
            if is_last {
                part.courses.extend(courses);
            }
            self.metrics.merge(metrics);
            part.standings.put(standings);
        }
        Ok(all)
    }

    fn window(&mut self, part: &mut Part, window: DayRange) -> Result<()> {
        let facts = self.facts(part, window)?;
        let (order, world) = (self.order, &self.world);
        let contacts = self.on_blocks(&part.persons, |block| {
            Contacts::of(world, &part.people, block, window, order.dirt)
        })?;
        let contacts = Contacts::joined(contacts);
        let schedules = parallel::map(order.threads, Feed::ALL.len(), |feed| {
            let feed = Feed::ALL[feed];
            let schedule = Schedule::of(order.seed, feed, &facts, self.shares, window, order.days);
            Ok((feed, schedule))
        })?;
        let schedules: BTreeMap<_, _> = schedules.into_iter().collect();
        let scene = Scene {
            world,
            dirt: order.dirt,
            window,
            part: part.number,
            people: &part.people,
            facts: &facts,
            schedules: &schedules,
            contacts: &contacts,
        };
        let tasks = tasks(&scene, &mut part.debts, &mut self.file_faults);
        let name = format!("part-{:04}-{}", part.number, window.from);
        self.send(Message::Announce(name, written(&scene, &tasks, order)))?;
        let encoded = parallel::map(order.threads, tasks.len(), |task| {
            let Task { feed, day, due, fault } = &tasks[task];
            let mut encoded = encode::encode(&scene, *feed, *day, order.mix, due.clone(), *fault)?;
            let size = self.hand_over(&mut encoded)?;
            Ok((encoded, size))
        })?;
        let mut deviations = Deviations::default();
        for (feed, schedule) in &schedules {
            deviations.add_schedule(*feed, schedule);
        }
        for (task, (encoded, _)) in tasks.iter().zip(&encoded) {
            deviations.add_losses(task.feed, &encoded.losses);
        }
        self.metrics.correct(
            &self.world,
            &facts,
            &deviations,
            &part.standings,
            &mut part.odd_orders,
        );
        for (mut encoded, (file_count, byte_count)) in encoded {
            self.summary.file_count += file_count;
            self.summary.byte_count += byte_count;
            part.truth.add(&mut encoded);
        }
        for feed in Feed::ALL {
            part.truth.add_losses(encode::never_told(&scene, feed));
        }
        part.truth.add_texts(&facts, calendar::london_midnight(window.from));
        part.carried = left_over(&facts, &schedules);
        Ok(())
    }

    /// Hands the files over to be written; tells how many they are and their bytes.
    fn hand_over(&self, encoded: &mut Encoded) -> Result<(u64, u64)> {
        let mut size = (0, 0);
        for file in std::mem::take(&mut encoded.files) {
            let bytes = Bytes::from(file.bytes);
            if file.place == Place::Redelivery {
                self.send(Message::Truth(format!("{REDELIVERY}/{}", file.path), bytes))?;
                continue;
            }
            size = (size.0 + 1, size.1 + bytes.len() as u64);
            self.send(Message::Export(file.path, bytes))?;
        }
        Ok(size)
    }

    fn end_part(&mut self, part: Part) -> Result<()> {
        for file in part.truth.files() {
            *self.summary.row_counts.entry(file.source).or_default() += file.row_count;
            let is_own = Feed::ALL.iter().any(|feed| feed.about().name == file.source);
            if is_own {
                // Other sources read the same files.
                self.summary.content_byte_count += file.content_byte_count;
            }
        }
        for fault in part.truth.faults() {
            *self.summary.fault_counts.entry(fault.kind).or_default() += 1;
        }
        let paths = truth::TABLES.iter().map(|table| truth::path(table, part.number));
        let written = Written { truth: paths.collect(), ..Written::default() };
        self.send(Message::Announce(format!("part-{:04}-truth", part.number), written))?;
        let truth = part.truth.in_order();
        parallel::map(self.order.threads, truth::TABLES.len(), |table| {
            let table = truth::TABLES[table];
            let bytes = truth.table(table, &self.world, &part.people, &part.courses)?;
            self.send(Message::Truth(truth::path(table, part.number), Bytes::from(bytes)))
        })?;
        Ok(())
    }
}

impl Drive<'_> {
    /// Hands over what is true of all persons.
    fn end(self) -> Result<Summary> {
        let tables = self.metrics.clone().into_tables(&self.world)?;
        let mut paths = vec![truth::MODELS.to_string()];
        paths.extend(tables.iter().map(|(table, _)| truth::metric_path(table)));
        let written = Written { truth: paths, ..Written::default() };
        self.send(Message::Announce("metrics".to_string(), written))?;
        let models = Bytes::from(truth::models()?);
        self.send(Message::Truth(truth::MODELS.to_string(), models))?;
        for (table, rows) in tables {
            let bytes = Bytes::from(columns::parquet_of(table, &rows)?);
            self.send(Message::Truth(truth::metric_path(table), bytes))?;
        }
        Ok(self.summary)
    }
}

/// The files of a window, in order, with all that is to go wrong with them.
fn tasks(
    scene: &Scene,
    debts: &mut BTreeMap<Feed, Debts>,
    file_faults: &mut FileFaults,
) -> Vec<Task> {
    let has_rows = |feed, day| encode::row_count(scene, feed, day).is_some_and(|count| count > 0);
    let mut faults = BTreeMap::new();
    if scene.part == 1 && scene.dirt != Dirt::None {
        faults = file_faults.plan(scene.window, has_rows);
    }
    let mut tasks = Vec::new();
    for feed in Feed::ALL {
        for day in scene.window.days() {
            if !encode::has_file(scene, feed, day) {
                continue;
            }
            let mut due = Vec::new();
            if feed.about().load == Load::Events
                && let Some(debts) = debts.get_mut(&feed)
            {
                due = debts.plan(day, encode::row_count(scene, feed, day).unwrap_or(0));
            }
            tasks.push(Task { feed, day, due, fault: faults.remove(&(feed, day)) });
        }
    }
    tasks
}

/// What the files of a window are called.
fn written(scene: &Scene, tasks: &[Task], order: &Order) -> Written {
    let mut written = Written::default();
    for task in tasks {
        let paths = encode::paths(scene, task.feed, task.day, order.mix, task.fault);
        for (place, path) in paths {
            match place {
                Place::Exports => written.exports.push(path),
                Place::Redelivery => written.truth.push(format!("{REDELIVERY}/{path}")),
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_blocks_leave_nothing_out() {
        let days =
            DayRange::new("2024-01-01".parse().unwrap(), "2024-04-01".parse().unwrap()).unwrap();
        let shown: Vec<_> = windows(days).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["[2024-01-01, 2024-02-01)", "[2024-02-01, 2024-03-03)", "[2024-03-03, 2024-04-01)"]
        );
        assert_eq!(blocks(&(10..520)), [10..260, 260..510, 510..520]);
    }
}
