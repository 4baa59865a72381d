//! The actions that a contract or a case asks for, whatever may be done with the customer's data:
//! to answer a case that waits, to settle a complaint, and to call back whoever rated badly. All
//! others need consents and contact points, and are chosen by what a business declares.

use std::collections::{BTreeMap, HashMap};

use super::standing::Standings;
use super::steps::Steps;
use super::{MetricTruth, service};
use crate::dates::{Day, DayRange};
use crate::sample::facts::{Facts, Instant, PersonIndex, Survey};
use crate::sample::world::calendar::{london_day, london_midnight};

/// Days after an offer within which it can be taken.
pub(super) const TAKEN_DAYS: u64 = 7;

/// The actions, the first of which that fits is offered, and the step by which each is taken.
const ACTIONS: [(&str, &str); 3] = [
    ("answer_case", "case_replied"),
    ("settle_complaint", "case_resolved"),
    ("call_back", "case_replied"),
];

/// Days after a bad answer within which somebody is called back.
const CALLED_BACK_DAYS: u64 = 14;

/// An answer that a survey or the service got, the later the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    day: Day,
    /// When; none where the export does not say.
    at: Option<Instant>,
    /// Whether it is that of a detractor, or in the lowest quarter of the scale of satisfaction.
    is_bad: bool,
}

/// An offer that can still be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    made_on: Day,
    /// Its place in [`ACTIONS`].
    action: usize,
}

/// What a person's cases ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Open cases by number: whether they wait for an answer, and whether they are complaints.
    open: BTreeMap<u64, (bool, bool)>,
    /// The last answers about recommending and about satisfaction, as long as they matter.
    last: [Option<Answer>; 2],
    /// What was offered at the end of the day before.
    action: Option<usize>,
    offers: Vec<Offer>,
}

/// By person, as long as anything is open, offered or answered.
pub(super) type Services = HashMap<PersonIndex, Service>;

impl MetricTruth {
    /// Counts the offers of a window; `steps` are those that are told in it.
    pub(super) fn add_offers(
        &mut self,
        facts: &Facts,
        steps: &Steps,
        window: DayRange,
        standings: &mut Standings,
    ) {
        let mut states: BTreeMap<Day, Vec<(PersonIndex, u64, service::Figures)>> = BTreeMap::new();
        for case in &facts.cases {
            let times = std::iter::once(case.opened_at).chain(case.events.iter().map(|it| it.at));
            let mut told: Vec<Day> = times.map(london_day).collect();
            told.dedup();
            for day in told.into_iter().filter(|day| window.from <= *day && *day < window.to) {
                let state = service::figures(case, london_midnight(day.plus(1))).0;
                states.entry(day).or_default().push((case.person, case.number, state));
            }
        }
        let mut taken: BTreeMap<Day, Vec<(PersonIndex, Day, usize)>> = BTreeMap::new();
        for (person, steps) in steps {
            for step in steps {
                let taken = taken.entry(step.told_on).or_default();
                for (action, (_, taken_by)) in ACTIONS.iter().enumerate() {
                    if *taken_by == step.kind {
                        taken.push((*person, step.day, action));
                    }
                }
            }
        }
        let mut answers = self.answers(facts, window);
        let services = &mut standings.services;
        for day in window.days() {
            for (person, number, state) in states.remove(&day).into_iter().flatten() {
                let open = &mut services.entry(person).or_default().open;
                let is_open = state[service::CASES] > state[service::RESOLVED];
                match is_open {
                    true => {
                        let waits = state[service::OPEN_UNANSWERED] > 0;
                        open.insert(number, (waits, state[service::OPEN_COMPLAINTS] > 0));
                    }
                    false => drop(open.remove(&number)),
                }
            }
            for (person, question, answer) in answers.remove(&day).into_iter().flatten() {
                let last = &mut services.entry(person).or_default().last[question];
                *last = (*last).max(Some(answer));
            }
            for (person, step_on, action) in taken.remove(&day).into_iter().flatten() {
                let Some(service) = services.get_mut(&person) else { continue };
                let is_taken = |offer: &mut Offer| {
                    offer.action == action
                        && offer.made_on < step_on
                        && step_on <= offer.made_on.plus(TAKEN_DAYS)
                };
                for offer in service.offers.extract_if(.., is_taken) {
                    self.offers.add(day, (offer.made_on, ACTIONS[action].0), [0, 1]);
                }
            }
            for service in services.values_mut() {
                service.offers.retain(|offer| offer.made_on.plus(TAKEN_DAYS) > day);
                for last in &mut service.last {
                    *last = last.filter(|it| it.day.plus(CALLED_BACK_DAYS) >= day);
                }
                let action = service.action();
                if let Some(action) = action.filter(|_| action != service.action) {
                    service.offers.push(Offer { made_on: day, action });
                    self.offers.add(day, (day, ACTIONS[action].0), [1, 0]);
                }
                service.action = action;
            }
            services.retain(|_, service| *service != Service::default());
        }
    }

    /// The answers that are told in a window, by day: whose, the place of the question in
    /// [`Service::last`], and what.
    fn answers(
        &self,
        facts: &Facts,
        window: DayRange,
    ) -> BTreeMap<Day, Vec<(PersonIndex, usize, Answer)>> {
        let mut answers: BTreeMap<Day, Vec<(PersonIndex, usize, Answer)>> = BTreeMap::new();
        let mut push = |told_on: Day, person, question, answer| {
            if window.from <= told_on && told_on < window.to {
                answers.entry(told_on).or_default().push((person, question, answer));
            }
        };
        for it in &facts.survey_responses {
            let (Some(at), Some(score)) = (it.answered_at, it.score) else { continue };
            let (question, is_bad) = match it.survey {
                Survey::Nps => (0, score <= 6),
                Survey::Csat => (1, score <= 2),
                Survey::Ces => continue,
            };
            let day = london_day(at);
            push(day, it.person, question, Answer { day, at: Some(at), is_bad });
        }
        for case in &facts.cases {
            for it in service::told_ratings(case, self.days.from) {
                let answer = Answer { day: it.rated_on, at: it.at, is_bad: it.stars <= 2 };
                push(it.told_on, case.person, 1, answer);
            }
        }
        answers
    }
}

impl Service {
    /// What is offered, by its place in [`ACTIONS`].
    fn action(&self) -> Option<usize> {
        let fits = [
            self.open.values().any(|(waits, _)| *waits),
            self.open.values().any(|(_, is_complaint)| *is_complaint),
            self.open.is_empty() && self.last.iter().flatten().any(|answer| answer.is_bad),
        ];
        fits.iter().position(|fits| *fits)
    }
}
