//! A suite: the claims of one part, from the command line to the exit status.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use qx_formats::{Error, Result};
use tempfile::TempDir;

use super::baseline::Baseline;
use super::claim::Claim;
use super::compare::{Movement, compare};
use super::machine::Machine;
use super::options::Options;
use super::report;
use super::run::{self, Plan};

/// Collects what the claims of one runnable gave.
pub struct Suite {
    name: &'static str,
    options: Options,
    baseline: Option<Baseline>,
    results: Vec<run::Result>,
    /// Lines that stand below the results.
    summary: Vec<String>,
}

/// Runs the suite `name`: parses the arguments, lets `claims` measure, prints, saves or compares.
///
/// Exit status: 0 done; 1 `--compare` found a subject slower, or no longer measured; 2 could not do it.
pub fn main(name: &'static str, claims: impl FnOnce(&mut Suite) -> Result<()>) -> ExitCode {
    let options = Options::parse();
    let done = Suite::open(name, options).and_then(|mut suite| {
        claims(&mut suite)?;
        suite.finish(&mut std::io::stdout())
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(e) => {
            let hint = e.get_hint().map(|h| format!("\nhint: {h}")).unwrap_or_default();
            eprintln!("error: {e}{hint}");
            ExitCode::from(2)
        }
    }
}

impl Suite {
    fn open(name: &'static str, options: Options) -> Result<Suite> {
        let baseline = if options.save || options.compare { Baseline::load(&options.baseline)? } else { None };
        if options.compare {
            let record = baseline.as_ref().and_then(|b| b.suite(name));
            let Some(record) = record else {
                return Err(Error::usage(format!("the baseline has no suite `{name}`"))
                    .path(&options.baseline)
                    .hint("take one first, with --save"));
            };
            if record.quick != options.quick {
                let kind = |quick| if quick { "--quick" } else { "full inputs" };
                return Err(Error::usage("the baseline was measured on other inputs")
                    .expected(kind(record.quick))
                    .got(kind(options.quick)));
            }
        }
        Ok(Suite { name, options, baseline, results: Vec::new(), summary: Vec::new() })
    }

    /// A folder for the files that are measured, gone with the value.
    ///
    /// # Errors
    /// `Io`.
    pub fn folder(&self) -> Result<TempDir> {
        let dir = &self.options.dir;
        let create = || {
            std::fs::create_dir_all(dir)?;
            tempfile::tempdir_in(dir)
        };
        create().map_err(|e| Error::io("create a folder", e).path(dir))
    }

    /// `quick` with `--quick`, else `full`: for the sizes of inputs.
    pub fn size<T>(&self, full: T, quick: T) -> T {
        if self.options.quick { quick } else { full }
    }

    /// Whether any of these claims is asked for; ask before a costly set-up.
    pub fn wants(&self, claims: &[&str]) -> bool {
        claims.iter().any(|c| self.options.wants(c))
    }

    /// Measures one claim, if it is asked for. Under `--compare`, what looks slower is measured once more, twice
    /// as long: only what is slower both times counts.
    ///
    /// # Errors
    /// As [`run::measure`].
    pub fn measure(&mut self, mut claim: Claim<'_>) -> Result<()> {
        if !self.options.wants(&claim.name) {
            return Ok(());
        }
        eprintln!("{}: {} ...", self.name, claim.name);
        let plan = Plan { rounds: self.options.rounds(), sample: self.options.sample() };
        let mut result = run::measure(&mut claim, plan)?;
        if self.options.compare && self.against(&result).iter().any(Movement::fails) {
            eprintln!("{}: {} looks slower, once more ...", self.name, claim.name);
            result = run::measure(&mut claim, Plan { rounds: plan.rounds * 2 + 1, ..plan })?;
        }
        self.results.push(result);
        Ok(())
    }

    /// Adds a line with the geometric mean of a contender's ratios over the claims whose names begin so.
    pub fn geometric_mean(&mut self, claims: &str, contender: &str) {
        let of = |r: &run::Result| r.contenders.iter().find(|c| c.name == contender).map(|c| c.ratio.median.ln());
        let logs: Vec<f64> = self.results.iter().filter(|r| r.claim.starts_with(claims)).filter_map(of).collect();
        if !logs.is_empty() {
            let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
            let claims = claims.trim_end();
            self.summary.push(format!("{claims}: {contender}: geometric mean of {} ratios {mean:.3}", logs.len()));
        }
    }

    fn against(&self, result: &run::Result) -> Vec<Movement> {
        let record = self.baseline.as_ref().and_then(|b| b.suite(self.name));
        compare(&result.claim, record.and_then(|r| r.claims.get(&result.claim)), Some(result))
    }

    /// Prints, saves or compares. False is the honest no of a comparison.
    fn finish(self, out: &mut impl Write) -> Result<bool> {
        let written = |e| Error::io("write to stdout", e);
        if self.results.is_empty() {
            return Err(Error::usage("no claim has that text in its name").hint("run without --filter to see them all"));
        }
        let machine = Machine::here();
        let inputs = if self.options.quick { "quick inputs" } else { "full inputs" };
        writeln!(out, "{} on {} ({} cores), {inputs}", self.name, machine.cpu, machine.cores).map_err(written)?;
        write!(out, "{}", report::results(&self.results)).map_err(written)?;
        for line in &self.summary {
            writeln!(out, "{line}").map_err(written)?;
        }
        if self.options.save {
            let mut baseline = self.baseline.unwrap_or_default();
            baseline.put(self.name, machine, self.options.quick, &self.results);
            baseline.save(&self.options.baseline)?;
            writeln!(out, "kept in {}", self.options.baseline.display()).map_err(written)?;
            return Ok(true);
        }
        if !self.options.compare {
            return Ok(true);
        }
        let movements = self.movements();
        let notable = report::notable(&movements);
        if let Some(record) = self.baseline.as_ref().and_then(|b| b.suite(self.name))
            && record.machine != machine
        {
            let (cpu, cores) = (&record.machine.cpu, record.machine.cores);
            writeln!(out, "\nnote: the baseline is from {cpu} ({cores} cores); ratios may differ for that alone")
                .map_err(written)?;
        }
        if notable.is_empty() {
            writeln!(out, "\nno ratio moved by more than 5% since the baseline").map_err(written)?;
        } else {
            write!(out, "\nmoved since the baseline:\n{}", report::movements(&notable)).map_err(written)?;
        }
        Ok(!movements.iter().any(Movement::fails))
    }

    /// Every measured claim against its record, and every recorded one that was asked for but not measured.
    fn movements(&self) -> Vec<Movement> {
        let mut all: Vec<Movement> = self.results.iter().flat_map(|r| self.against(r)).collect();
        let recorded = self.baseline.as_ref().and_then(|b| b.suite(self.name)).map(|s| &s.claims);
        for (name, record) in recorded.into_iter().flatten() {
            if self.options.wants(name) && self.results.iter().all(|r| r.claim != *name) {
                all.extend(compare(name, Some(record), None));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Work;
    use std::path::Path;
    use std::time::Duration;

    fn run(baseline: &Path, flags: &[&str], millis: u64) -> (Result<bool>, String) {
        let mut args = vec!["t", "--rounds", "7", "--baseline"];
        args.push(baseline.to_str().unwrap());
        args.extend(flags);
        let mut out = Vec::new();
        let done = Suite::open("t", Options::parse_from(args)).and_then(|mut suite| {
            let spin = |millis: u64| {
                move || {
                    std::thread::sleep(Duration::from_millis(millis));
                    Ok(Work::units(1))
                }
            };
            suite.measure(Claim::new("sleep", "nap").reference("short", spin(2)).subject("ours", spin(millis)))?;
            suite.geometric_mean("sl", "ours");
            suite.finish(&mut out)
        });
        (done, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_slower_subject_fails_a_comparison_and_an_equal_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.json");
        let quick = "--quick";
        assert!(run(&path, &[quick, "--compare"], 10).0.is_err(), "there is no baseline yet");
        let (saved, text) = run(&path, &[quick, "--save"], 10);
        assert!(saved.unwrap() && text.contains("sl: ours: geometric mean of 1 ratios"), "{text}");
        let (done, text) = run(&path, &[quick, "--compare"], 60);
        assert!(!done.unwrap() && text.contains("worse"), "{text}");
        let (done, text) = run(&path, &[quick, "--compare"], 1);
        assert!(done.unwrap() && text.contains("better"), "{text}");
        assert!(run(&path, &["--compare"], 10).0.is_err(), "other inputs");
        assert!(run(&path, &["--filter", "nothing"], 10).0.is_err());
    }
}
