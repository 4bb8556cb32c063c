//! Running SET, RESET, SHOW and ALTER DATABASE.

use qx_formats::Result;
use qx_store::Writer;
use qx_store::catalog::Define;

use super::{Statement, tables};
use crate::session::{Answer, Session};
use crate::settings::{self, KNOBS};

pub(crate) async fn run(session: &Session, statement: Statement) -> Result<Answer> {
    let find = |name: &str| settings::find(name).ok_or_else(|| settings::unknown(name));
    match statement {
        Statement::Set { name, value } => {
            session.settings().set(find(&name)?, &value)?;
            Ok(Answer::none())
        }
        Statement::Reset { name: Some(name) } => {
            session.settings().reset(find(&name)?);
            Ok(Answer::none())
        }
        Statement::Reset { name: None } => {
            KNOBS.iter().for_each(|knob| session.settings().reset(knob));
            Ok(Answer::none())
        }
        Statement::Show { name } => {
            let knobs = match &name {
                Some(name) => vec![find(name)?],
                None => KNOBS.iter().collect(),
            };
            let catalog = session.view().catalog();
            tables::settings(&knobs, session.settings(), &catalog.settings).map(Answer::batch)
        }
        Statement::AlterDatabase { name, value } => {
            let knob = find(&name)?;
            let value = value.map(|v| knob.check(&v)).transpose()?;
            let define = Define::Setting { name: knob.name.to_owned(), value };
            session.transact(async |writer: &mut Writer| writer.change(&define)).await?;
            Ok(Answer::none())
        }
    }
}
