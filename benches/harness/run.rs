//! Takes the samples.

use std::time::{Duration, Instant};

use qx_formats::Error;

use super::claim::{Claim, Contender, Role};
use super::stats::Estimate;

/// How a claim is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    /// A sample repeats its batch until this much time has passed.
    pub sample: Duration,
}

/// One contender's numbers.
#[derive(Debug, Clone)]
pub struct Measured {
    pub name: String,
    pub role: Role,
    pub note: String,
    /// Nanoseconds for one unit.
    pub nanos: Estimate,
    /// Time over the reference's time of the same round.
    pub ratio: Estimate,
}

/// One claim's numbers; the reference stands first.
#[derive(Debug, Clone)]
pub struct Result {
    pub claim: String,
    pub unit: String,
    pub contenders: Vec<Measured>,
}

/// Runs a claim. Rounds interleave the contenders, and each round starts with the next one, so that a drift of the
/// clock rate or of a neighbour's load falls on all of them alike.
///
/// # Errors
/// `Usage` when there is no reference, or when two contenders do not find the same; whatever a batch says.
pub fn measure(claim: &mut Claim<'_>, plan: Plan) -> qx_formats::Result<Result> {
    let Some(at) = claim.contenders.iter().position(|c| c.role == Role::Reference) else {
        return Err(Error::usage(format!("claim `{}` has no reference", claim.name)));
    };
    claim.contenders.swap(0, at);
    warm_up(claim)?;
    let n = claim.contenders.len();
    let mut samples = vec![Vec::with_capacity(plan.rounds); n];
    for round in 0..plan.rounds {
        for turn in 0..n {
            let which = (round + turn) % n;
            if let (Some(contender), Some(own)) = (claim.contenders.get_mut(which), samples.get_mut(which)) {
                own.push(sample(contender, plan.sample)?);
            }
        }
    }
    let reference = samples.first().cloned().unwrap_or_default();
    let mut contenders = Vec::with_capacity(n);
    for (contender, nanos) in claim.contenders.iter().zip(&samples) {
        let ratios: Vec<f64> = nanos.iter().zip(&reference).map(|(a, b)| a / b).collect();
        let (Some(nanos), Some(ratio)) = (Estimate::of(nanos), Estimate::of(&ratios)) else {
            return Err(Error::usage("a claim needs at least one round"));
        };
        let (name, role, note) = (contender.name.clone(), contender.role, contender.note.clone());
        contenders.push(Measured { name, role, note, nanos, ratio });
    }
    Ok(Result { claim: claim.name.clone(), unit: claim.unit.clone(), contenders })
}

/// Calls everyone once: caches fill, files appear, and the answers are compared.
fn warm_up(claim: &mut Claim<'_>) -> qx_formats::Result<()> {
    let mut first: Option<(String, u64)> = None;
    for contender in &mut claim.contenders {
        let Some(answer) = (contender.batch)()?.answer else { continue };
        match &first {
            None => first = Some((contender.name.clone(), answer)),
            Some((name, expected)) if *expected != answer => {
                let text = format!("claim `{}`: `{}` and `{name}` do not find the same", claim.name, contender.name);
                return Err(Error::usage(text).expected(expected).got(answer));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Nanoseconds per unit over as many batches as fill the sample.
fn sample(contender: &mut Contender<'_>, least: Duration) -> qx_formats::Result<f64> {
    let (mut units, mut untimed) = (0u64, Duration::ZERO);
    let start = Instant::now();
    loop {
        let work = (contender.batch)()?;
        units = units.saturating_add(work.units);
        untimed += work.untimed;
        let timed = start.elapsed().saturating_sub(untimed);
        if timed >= least {
            return Ok(timed.as_nanos() as f64 / units.max(1) as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Work;
    use std::cell::RefCell;

    const PLAN: Plan = Plan { rounds: 3, sample: Duration::ZERO };

    #[test]
    fn rounds_interleave_and_rotate() {
        let order = RefCell::new(String::new());
        let note = |c: char| {
            order.borrow_mut().push(c);
            Ok(Work::units(1))
        };
        let mut claim =
            Claim::new("x", "call").subject("s", || note('s')).reference("r", || note('r')).peer("p", || note('p'));
        let result = measure(&mut claim, PLAN).unwrap();
        // The warm-up, then three rounds that each start one further.
        assert_eq!(order.borrow().as_str(), "rsprspsprprs");
        let names: Vec<_> = result.contenders.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["r", "s", "p"]);
        let reference = result.contenders.first().unwrap();
        assert_eq!((reference.ratio.low, reference.ratio.high), (1.0, 1.0));
    }

    #[test]
    fn a_slower_contender_has_the_greater_ratio() {
        let spin = |millis: u64| {
            move || {
                std::thread::sleep(Duration::from_millis(millis));
                Ok(Work::units(1))
            }
        };
        let mut claim = Claim::new("x", "call").reference("r", spin(1)).subject("s", spin(8));
        let result = measure(&mut claim, PLAN).unwrap();
        assert!(result.contenders.last().unwrap().ratio.median > 2.0);
    }

    #[test]
    fn untimed_work_does_not_count() {
        let mut claim = Claim::new("x", "call").reference("r", || {
            let start = Instant::now();
            std::thread::sleep(Duration::from_millis(20));
            Ok(Work::units(1).untimed(start.elapsed()))
        });
        assert!(measure(&mut claim, PLAN).unwrap().contenders.first().unwrap().nanos.median < 10e6);
    }

    #[test]
    fn different_answers_are_refused() {
        let answer = |n| move || Ok(Work::units(1).answer(n));
        let mut claim = Claim::new("x", "call").reference("r", || Ok(Work::units(1))).subject("s", answer(1));
        assert!(measure(&mut claim, PLAN).is_ok());
        let mut claim = claim.peer("p", answer(2));
        let e = measure(&mut claim, PLAN).unwrap_err();
        assert_eq!((e.get_expected(), e.get_got()), (Some("1"), Some("2")));
        assert!(measure(&mut Claim::new("x", "call").subject("s", answer(1)), PLAN).is_err());
    }
}
