//! The release that the flags choose, with the evidence that comes along.

use liftlock::config::effective::Rules;
use liftlock::failure::{Failure, Kind};
use liftlock::foreign;
use liftlock::name::Name;
use liftlock::release::Identified;
use liftlock_engine::{World, open};
use liftlock_io::asked;
use liftlock_io::cli::Session;
use liftlock_io::store::Store;

use crate::args::Chosen;

impl Chosen {
    /// The release: from its file, from a request, or from the images that it is.
    pub(crate) fn read(&self, rules: &Rules, state: &dyn Store) -> Result<Identified, Failure> {
        if let Some(digest) = &self.request {
            return Ok(asked::find(rules, state, digest)?.release);
        }
        self.at_hand(&rules.service)
    }

    /// As [`Self::read`], but for a request.
    pub(crate) fn at_hand(&self, service: &Name) -> Result<Identified, Failure> {
        if let Some(path) = &self.release {
            return open::release(path);
        }
        let release = foreign::of_images(service, &self.artifact)?;
        match &self.id {
            None => Ok(release),
            Some(id) => release
                .labelled(id)
                .map_err(|error| Failure::because(Kind::Usage, "`--id` cannot be used", error)),
        }
    }

    /// Brings the evidence that is attached to the images or in files.
    pub(crate) fn bring(&self, world: &mut World, release: &Identified) -> Result<(), Failure> {
        world.bring(release, &foreign::images(release)?)?;
        world.bring_files(&release.reference(), &self.bundle)
    }

    /// Opens the world of an environment with the release in it.
    pub(crate) fn open(
        &self,
        session: &Session,
        environment: &Name,
    ) -> Result<(World, Identified), Failure> {
        let mut world = open::world(session, environment)?;
        let release = self.read(&world.rules, world.state.as_ref())?;
        open::fits(&world, &release)?;
        self.bring(&mut world, &release)?;
        Ok((world, release))
    }
}
