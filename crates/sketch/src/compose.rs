//! The order of painting: sky, far land, water or ground, and what is in the air.

use super::backdrop::paint_far_land;
use super::clouds::{paint_aurora, paint_clouds, paint_rainbow};
use super::forest::{paint_forest, paint_waterfall};
use super::ground::paint_ground;
use super::scene::{Mood, Place, Scene, Subject, Weather};
use super::sky::{paint_disc, paint_sky, paint_stars};
use super::space::paint_space;
use super::stage::Stage;
use super::subjects::{paint_balloon, paint_birds, paint_fireflies};
use super::waterside::paint_waterside;
use super::weather::{paint_bloom, paint_fall, paint_lightning, paint_rays};

/// Paints the scene.
pub fn paint_scene(stage: &mut Stage) {
    if stage.scene.places[0] == Place::Space {
        paint_space(stage);
        paint_things_in_the_air(stage);
        return;
    }
    paint_sky(stage);
    paint_stars(stage);
    paint_aurora(stage);
    paint_disc(stage);
    paint_clouds(stage);
    paint_rainbow(stage);
    paint_lightning(stage);
    match stage.scene.places[0] {
        Place::Forest => paint_forest(stage),
        Place::Waterfall => paint_waterfall(stage),
        _ => {
            paint_far_land(stage);
            if has_water(stage.scene) {
                paint_waterside(stage);
            } else {
                paint_ground(stage);
            }
        }
    }
    paint_things_in_the_air(stage);
    if stage.scene.is_mood(Mood::Dramatic) {
        paint_rays(stage, 0.2);
    }
    paint_bloom(stage);
    if stage.scene.has(Subject::Fireflies) || (stage.scene.is_mood(Mood::Dreamy) && stage.is_night()) {
        paint_fireflies(stage);
    }
    paint_fall(stage);
}

/// Whether the picture has a shore.
fn has_water(scene: &Scene) -> bool {
    let wet = [Place::Sea, Place::Beach, Place::Lake, Place::River, Place::Island];
    let on_water = [Subject::Boat, Subject::Lighthouse, Subject::Bridge];
    wet.iter().any(|place| scene.is_at(*place))
        || on_water.iter().any(|subject| scene.has(*subject))
        || scene.places[0] == Place::City
}

fn paint_things_in_the_air(stage: &mut Stage) {
    let mut dice = stage.dice(72);
    let (wide, horizon, unit, hand) = (stage.width(), stage.horizon, stage.unit, stage.hand);
    if stage.scene.has(Subject::Balloon) {
        for (x, y, size, far) in
            [(-0.06, 0.22, 6.0, 0.42), (0.36, 0.50, 4.4, 0.55), (-0.30, 0.58, 3.4, 0.62), (0.20, 0.36, 17.0, 0.05)]
        {
            let at = (wide * (0.5 + hand * (x + dice.range(-0.03, 0.03))), horizon * (y + dice.range(-0.04, 0.04)));
            let size = unit * size * dice.range(0.9, 1.1);
            paint_balloon(stage, &mut dice, at, size, far);
        }
    }
    let calm = stage.scene.places[0] != Place::Space
        && !stage.is_night()
        && !stage.scene.is_overcast()
        && !stage.scene.is_mood(Mood::Lonely);
    let at_sea = matches!(stage.scene.places[0], Place::Sea | Place::Beach | Place::Island);
    if stage.scene.has(Subject::Birds) {
        paint_birds(stage, 17);
    } else if calm
        && !stage.scene.has(Subject::Balloon)
        && dice.chance(if at_sea { 0.8 } else { 0.4 })
        && !stage.scene.is_weather(Weather::Snow)
    {
        paint_birds(stage, 6);
    }
}
