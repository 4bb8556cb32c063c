//! The session that the verbs plan in: a database, settings, an overlay, parameters.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::SessionState;
use qx_formats::{Error, Result};
use qx_plan::{Bundle, Options, Overlay, capture, params};
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

/// A database, opened for planning.
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
        let statements = Session::parse(sql)?;
        let [statement] = <[_; 1]>::try_from(statements)
            .map_err(|s| Error::usage("explain takes one statement").got(format!("{} statements", s.len())))?;
        let values = params::parse(&asked.params)?;
        self.runtime.block_on(async {
            let mut subject = self.session.subject(statement).await?;
            subject.parameters = params::kept(&values);
            if let Some(plan) = subject.plan.take() {
                let plan = params::bind(plan, &values)?;
                subject.plan = Some(params::equality(plan, &asked.equal)?);
            }
            let options = Options {
                analyze: asked.analyze,
                verbose,
                redact: asked.redact,
                root: Some(&self.root),
                substrait: None,
            };
            capture(&self.state, subject, options).await
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
