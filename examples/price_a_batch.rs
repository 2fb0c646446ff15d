//! Prices a manifest without a network, a key or a ledger:
//! `cargo run --example price_a_batch -- manifests/album.toml`.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;

use setlist::catalog::{Catalog, PriceList, PriceLists};
use setlist::manifest::Manifest;
use setlist::plan::{self, PlanOptions, Sources};

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args().nth(1).ok_or("give a manifest")?);
    let catalog = Catalog::builtin();
    let prices = PriceList::builtin("guide")?;
    let manifest = Manifest::read(&path, catalog).map_err(|problems| problems.render(false))?;
    let sources = Sources {
        provider: "simulator",
        catalog,
        prices,
        known: PriceLists::builtin(),
        paid: &(),
    };
    let plan = plan::build(&manifest, sources, PlanOptions::default())?;
    let mut out = io::stdout().lock();
    for job in plan.iter() {
        writeln!(out, "{:>4}  {}", job.credits(), job.id())?;
    }
    writeln!(out, "{:>4}  all {} jobs", plan.total(), plan.len())?;
    Ok(())
}
