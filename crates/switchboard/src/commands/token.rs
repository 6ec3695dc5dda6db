//! `switchboard token`: prints a token and nothing else.

use anyhow::{Context, anyhow};
use switchboard_messaging::{Clock, SystemClock};
use switchboard_protocol::{OrganizationId, UserId};

use super::load;
use crate::cli::Token;
use crate::exit::Done;
use crate::{keys, output};

pub(crate) fn run(options: &Token) -> Done {
    let settings = load(options.file.config.as_deref())?.settings;
    let user = UserId::new(&options.sub).map_err(|error| anyhow!("--sub {error}"))?;
    let org = OrganizationId::new(&options.org).map_err(|error| anyhow!("--org {error}"))?;
    let key = keys::signing_key(&settings)?;
    let signer = keys::signer(&settings, key.as_ref()).ok_or_else(|| {
        anyhow!("there is no secret to sign with: auth.public_key_file only verifies")
    })?;
    let validity = (SystemClock.now(), options.ttl);
    let token = signer
        .sign(&user, &org, &options.roles, validity)
        .context("cannot sign")?;
    output::line(&token)
}
