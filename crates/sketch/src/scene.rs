//! What is to be painted, as plain data.

use super::noise::{Dice, hash};
use super::words::read;

/// Where the picture is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Mountains,
    Sea,
    Beach,
    Forest,
    City,
    Desert,
    Meadow,
    Lake,
    River,
    Island,
    Space,
    Garden,
    Village,
    Castle,
    Road,
    Waterfall,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Clear,
    Clouds,
    Rain,
    Snow,
    Fog,
    Storm,
    Wind,
    Rainbow,
    Aurora,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    Dawn,
    Day,
    Dusk,
    Night,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Red,
    Orange,
    Gold,
    Green,
    Teal,
    Blue,
    Purple,
    Pink,
    Pastel,
    Neon,
    Grey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Calm,
    Dramatic,
    Cosy,
    Lonely,
    Dreamy,
    Gloomy,
    Cheerful,
}

/// A thing to be seen in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Lighthouse,
    Boat,
    Trees,
    Pines,
    Palms,
    Birds,
    House,
    Tower,
    Bridge,
    Balloon,
    Moon,
    Stars,
    Flowers,
    Fireflies,
    Deer,
    Fox,
    Cat,
    Windmill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    Spring,
    Autumn,
    Winter,
}

/// What a known word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Place(Place),
    Weather(Weather),
    Time(Time),
    Colour(Colour),
    Mood(Mood),
    Subject(Subject),
    Season(Season),
}

/// A whole picture in words.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Never empty; the first one rules.
    pub places: Vec<Place>,
    pub weather: Vec<Weather>,
    pub time: Time,
    /// For the whole picture.
    pub colours: Vec<Colour>,
    /// For the subject: the colour that was named right before it.
    pub accent: Option<Colour>,
    pub mood: Option<Mood>,
    pub subjects: Vec<Subject>,
    pub season: Option<Season>,
    /// All that is left to chance.
    pub dice: Dice,
}

impl Scene {
    /// Understands a prompt. What it leaves open, the dice of prompt and seed decide.
    pub fn new(prompt: &str, seed: u32) -> Self {
        let prompt = prompt.trim().to_lowercase();
        let dice = Dice::new(hash(prompt.bytes().chain(seed.to_le_bytes())));
        let mut scene = Self {
            places: Vec::new(),
            weather: Vec::new(),
            time: Time::Day,
            colours: Vec::new(),
            accent: None,
            mood: None,
            subjects: Vec::new(),
            season: None,
            dice,
        };
        let mut time = None;
        let mut colour_before = None;
        for meaning in read(&prompt) {
            let named = colour_before.take();
            match meaning {
                Meaning::Place(place) => {
                    add(&mut scene.places, place);
                    // "Green hills" and "the blue sea" are just hills and the sea.
                    scene.colours.retain(|colour| named != Some(*colour) || !is_usual(*colour, place));
                }
                Meaning::Weather(weather) => add(&mut scene.weather, weather),
                Meaning::Time(named) => time = time.or(Some(named)),
                Meaning::Colour(colour) => {
                    add(&mut scene.colours, colour);
                    colour_before = Some(colour);
                }
                Meaning::Mood(mood) => scene.mood = scene.mood.or(Some(mood)),
                Meaning::Subject(subject) => {
                    add(&mut scene.subjects, subject);
                    // "A red lighthouse" is a red thing, not a red picture.
                    if let Some(colour) = named.filter(|_| is_coloured(subject)) {
                        scene.accent = scene.accent.or(Some(colour));
                        scene.colours.retain(|other| *other != colour);
                    }
                }
                Meaning::Season(season) => scene.season = scene.season.or(Some(season)),
            }
        }
        scene.fill_gaps(time);
        scene
    }

    pub fn is_at(&self, place: Place) -> bool {
        self.places.contains(&place)
    }

    pub fn has(&self, subject: Subject) -> bool {
        self.subjects.contains(&subject)
    }

    pub fn is_weather(&self, weather: Weather) -> bool {
        self.weather.contains(&weather)
    }

    pub fn is_mood(&self, mood: Mood) -> bool {
        self.mood == Some(mood)
    }

    /// The ground lies under snow.
    pub fn is_white(&self) -> bool {
        self.season == Some(Season::Winter) || self.is_weather(Weather::Snow)
    }

    /// The sky is one cover of cloud.
    pub fn is_overcast(&self) -> bool {
        self.is_weather(Weather::Storm) || self.is_weather(Weather::Rain) || self.is_mood(Mood::Gloomy)
    }

    fn fill_gaps(&mut self, time: Option<Time>) {
        let mut dice = self.dice.for_part(1);
        if self.places.is_empty() {
            let place = self.place_of_subjects(&mut dice);
            self.places.push(place);
        }
        self.time = time.unwrap_or_else(|| self.likely_time(&mut dice));
        if self.is_weather(Weather::Storm) && !self.is_weather(Weather::Snow) {
            add(&mut self.weather, Weather::Rain);
        }
    }

    /// Where the subjects would be found.
    fn place_of_subjects(&self, dice: &mut Dice) -> Place {
        let any: &[Place] = match self.subjects.first() {
            Some(Subject::Lighthouse) => &[Place::Sea],
            Some(Subject::Boat) => &[Place::Sea, Place::Lake],
            Some(Subject::Palms) => &[Place::Beach, Place::Island],
            Some(Subject::Pines) => &[Place::Mountains, Place::Forest, Place::Lake],
            Some(Subject::Deer | Subject::Fox) => &[Place::Forest, Place::Meadow],
            Some(Subject::House) => &[Place::Mountains, Place::Meadow, Place::Village],
            Some(Subject::Tower) => &[Place::Castle, Place::City],
            Some(Subject::Bridge) => &[Place::River, Place::City],
            Some(Subject::Flowers) => &[Place::Garden, Place::Meadow],
            Some(Subject::Cat | Subject::Windmill | Subject::Trees | Subject::Fireflies) => &[Place::Meadow],
            _ => {
                &[Place::Mountains, Place::Lake, Place::Sea, Place::Garden, Place::Desert, Place::Forest, Place::Island]
            }
        };
        any[dice.below(any.len())]
    }

    fn likely_time(&self, dice: &mut Dice) -> Time {
        if self.is_weather(Weather::Aurora)
            || self.has(Subject::Stars)
            || self.has(Subject::Moon)
            || self.has(Subject::Fireflies)
            || self.colours.contains(&Colour::Neon)
        {
            return Time::Night;
        }
        if self.is_weather(Weather::Rainbow) || self.is_mood(Mood::Cheerful) {
            return Time::Day;
        }
        let any: &[Time] = match self.mood {
            Some(Mood::Dramatic) => &[Time::Dusk],
            Some(Mood::Cosy) => &[Time::Dusk, Time::Night],
            Some(Mood::Calm | Mood::Dreamy) => &[Time::Dawn, Time::Dusk],
            Some(Mood::Gloomy | Mood::Lonely) => &[Time::Day, Time::Dawn],
            _ => &[Time::Day, Time::Dawn, Time::Dusk, Time::Day],
        };
        any[dice.below(any.len())]
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Whether the place has that colour anyway.
fn is_usual(colour: Colour, place: Place) -> bool {
    match colour {
        Colour::Green => {
            matches!(place, Place::Meadow | Place::Forest | Place::Garden | Place::Island | Place::Mountains)
        }
        Colour::Blue => matches!(place, Place::Sea | Place::Lake | Place::River | Place::Mountains),
        Colour::Gold => matches!(place, Place::Desert | Place::Beach | Place::Sea),
        _ => false,
    }
}

/// Whether the subject is painted in a colour of its own.
fn is_coloured(subject: Subject) -> bool {
    matches!(
        subject,
        Subject::Lighthouse | Subject::Boat | Subject::House | Subject::Balloon | Subject::Flowers | Subject::Trees
    )
}
