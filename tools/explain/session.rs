//! The session that the verbs plan in: a database, settings, an overlay, parameters.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::SessionState;
#[cfg(feature = "substrait")]
use datafusion::logical_expr::LogicalPlan;
use qx_cli::EndsOnSignal;
use qx_formats::{Error, Result};
#[cfg(feature = "substrait")]
use qx_plan::substrait;
use qx_plan::{Bundle, Export, Options, Overlay, Subject, capture, params};
use qx_sql::Session;
use qx_store::Store;

/// Largest overlay file.
const MAX_OVERLAY_BYTES: u64 = 1 << 20;

/// What is planned in.
#[derive(clap::Args, Clone, Default)]
pub struct Environment {
    /// File of changes to the rules and settings (TOML, or JSON by its extension)
    #[arg(long, value_name = "FILE")]
    pub overlay: Option<PathBuf>,

    /// A setting for this plan; repeat for more
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
}

/// What is planned.
#[derive(clap::Args, Clone, Default)]
pub struct Asked {
    /// Value of a placeholder; positions from 1 without gaps, `null` for a null of the type
    #[arg(long = "param", value_name = "N=TYPE:VALUE")]
    pub params: Vec<String>,

    /// Rows whose column equals a value, on top of the statement; the value never passes through SQL
    #[arg(long = "eq", value_name = "COLUMN=TYPE:VALUE")]
    pub equal: Vec<String>,

    /// Run the statement and measure each operator; refused for one that changes something
    #[arg(long)]
    pub analyze: bool,

    /// Take literals and names out, so that the plan can be shown to a stranger
    #[arg(long)]
    pub redact: bool,
}

/// A database, opened for planning. The engine's rules make no pauses and may take minutes over a statement that a
/// machine wrote, and nothing is written meanwhile: so a request to stop ends the process in the middle of them.
pub struct Planner {
    root: PathBuf,
    session: Session,
    state: SessionState,
    runtime: tokio::runtime::Runtime,
}

impl Planner {
    /// # Errors
    /// Those of opening the database; `Usage` for settings and rules that do not exist.
    pub fn open(db: &Path, environment: &Environment) -> Result<Planner> {
        let store = Arc::new(Store::open(db)?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::io("start the engine's thread", e))?;
        let session = runtime.block_on(async { Session::open(&store) })?;
        let mut overlay = environment.overlay.as_deref().map(read).transpose()?.unwrap_or_default();
        overlay.version = 1;
        for text in &environment.settings {
            let (name, value) =
                text.split_once('=').ok_or_else(|| Error::usage(format!("setting `{text}`")).expected("NAME=VALUE"))?;
            overlay.settings.insert(name.trim().to_owned(), qx_plan::Setting::Text(value.trim().to_owned()));
        }
        let state = overlay.apply(&session.context().state())?;
        Ok(Planner { root: db.to_path_buf(), session: session.in_state(state.clone()), state, runtime })
    }

    /// The engine's state, overlay included.
    pub fn state(&self) -> &SessionState {
        &self.state
    }

    /// Takes one statement through planning.
    ///
    /// # Errors
    /// `Usage` for no statement or several, parameters that do not fit; those of planning.
    pub fn bundle(&self, sql: &str, asked: &Asked, verbose: bool) -> Result<Bundle> {
        self.bundle_and(sql, asked, verbose, None)
    }

    /// [`Planner::bundle`], with the plan for other engines as `export` writes it.
    ///
    /// # Errors
    /// As [`Planner::bundle`].
    pub fn bundle_and(&self, sql: &str, asked: &Asked, verbose: bool, export: Option<&dyn Export>) -> Result<Bundle> {
        let _stop = EndsOnSignal::begin();
        self.runtime.block_on(async {
            let subject = self.subject(sql, asked).await?;
            capture(&self.state, subject, Options { substrait: export, ..self.options(asked, verbose) }).await
        })
    }

    fn options(&self, asked: &Asked, verbose: bool) -> Options<'_> {
        let (analyze, redact) = (asked.analyze, asked.redact);
        Options { analyze, verbose, redact, root: Some(&self.root), substrait: None }
    }

    async fn subject(&self, sql: &str, asked: &Asked) -> Result<Subject> {
        let statements = Session::parse(sql)?;
        let [statement] = <[_; 1]>::try_from(statements)
            .map_err(|s| Error::usage("explain takes one statement").got(format!("{} statements", s.len())))?;
        let values = params::parse(&asked.params)?;
        let mut subject = self.session.subject(statement).await?;
        subject.parameters = params::kept(&values);
        if let Some(plan) = subject.plan.take() {
            let plan = params::bind(plan, &values)?;
            subject.plan = Some(params::equality(plan, &asked.equal)?);
        }
        Ok(subject)
    }
}

#[cfg(feature = "substrait")]
impl Planner {
    /// The plan of a query, as it is written for other engines.
    async fn portable(&self, sql: &str, asked: &Asked) -> Result<LogicalPlan> {
        let subject = self.subject(sql, asked).await?;
        match (subject.plan, subject.target) {
            (Some(plan), None) => Ok(plan),
            _ => Err(Error::unsupported(format!("a statement of kind {} has no form in Substrait", subject.kind))
                .expected("a query")),
        }
    }

    /// The optimized plan of a query as a `substrait.Plan` message.
    ///
    /// # Errors
    /// `Unsupported` with the operator that cannot be carried; those of planning.
    pub fn substrait(&self, sql: &str, asked: &Asked) -> Result<Vec<u8>> {
        let _stop = EndsOnSignal::begin();
        self.runtime.block_on(async {
            let plan = self.state.optimize(&self.portable(sql, asked).await?);
            let plan = plan.map_err(|e| Error::new(qx_formats::Kind::Engine, e.strip_backtrace()))?;
            substrait::export(&plan, &self.state)
                .map_err(|reason| Error::unsupported(format!("no Substrait for this: {reason}")))
        })
    }

    /// The plan of a message, taken through planning.
    ///
    /// # Errors
    /// Those of [`substrait::import`] and of planning.
    pub fn imported(&self, bytes: &[u8], verbose: bool) -> Result<Bundle> {
        let _stop = EndsOnSignal::begin();
        self.runtime.block_on(async {
            // The engine's reader may trip over a hostile message, which is caught and told as an error.
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(|_| {}));
            let plan = substrait::import(bytes, &self.state).await;
            std::panic::set_hook(hook);
            let subject = qx_plan::Subject::query(String::new(), plan?);
            capture(&self.state, subject, self.options(&Asked::default(), verbose)).await
        })
    }

    /// Writes a query, reads it back and compares.
    ///
    /// # Errors
    /// Those of [`substrait::round_trip`].
    pub fn round_trip(&self, sql: &str, asked: &Asked, run: bool) -> Result<substrait::RoundTrip> {
        let _stop = EndsOnSignal::begin();
        self.runtime.block_on(async {
            let plan = self.portable(sql, asked).await?;
            substrait::round_trip(plan, &self.state, run).await
        })
    }
}

fn read(path: &Path) -> Result<Overlay> {
    let file = std::fs::metadata(path).map_err(|e| Error::io("read the overlay", e).path(path))?;
    if file.len() > MAX_OVERLAY_BYTES {
        return Err(Error::limit("bytes of an overlay", MAX_OVERLAY_BYTES, file.len()).path(path));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read the overlay", e).path(path))?;
    let json = path.extension().is_some_and(|e| e == "json");
    let overlay: Overlay = match json {
        true => serde_json::from_str(&text).map_err(|e| e.to_string()),
        false => toml::from_str(&text).map_err(|e| e.to_string()),
    }
    .map_err(|e| Error::invalid(format!("not an overlay: {}", e.trim())).path(path))?;
    overlay.check().map_err(|e| e.path(path))?;
    Ok(overlay)
}
