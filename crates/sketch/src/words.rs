//! The words that the painter knows, in English and Chinese.

use super::scene::Colour::{Blue, Gold, Green, Grey, Neon, Orange, Pastel, Pink, Purple, Red, Teal};
use super::scene::Meaning::{self, Colour, Mood, Place, Season, Subject, Time, Weather};
use super::scene::Mood::{Calm, Cheerful, Cosy, Dramatic, Dreamy, Gloomy, Lonely};
use super::scene::Place::{
    Beach, Castle, City, Desert, Forest, Garden, Island, Lake, Meadow, Mountains, River, Road, Sea, Space, Village,
    Waterfall,
};
use super::scene::Season::{Autumn, Spring, Winter};
use super::scene::Subject::{
    Balloon, Birds, Boat, Bridge, Cat, Deer, Fireflies, Flowers, Fox, House, Lighthouse, Moon, Palms, Pines, Stars,
    Tower, Trees, Windmill,
};
use super::scene::Time::{Dawn, Day, Dusk, Night};
use super::scene::Weather::{Aurora, Clear, Clouds, Fog, Rain, Rainbow, Snow, Storm, Wind};

/// Han characters of the longest known word.
const LONGEST: usize = 3;

/// All that the known words of a lower-case prompt mean, in their order.
pub fn read(prompt: &str) -> Vec<Meaning> {
    let mut found = Vec::new();
    let mut before = "";
    let mut start_of_last = 0;
    for word in prompt.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let denied = matches!(before, "no" | "without" | "not");
        let pair = format!("{before} {word}");
        before = word;
        if denied {
            continue;
        }
        let start = found.len();
        if let Some(meanings) = pair_means(&pair) {
            // The first of the two may have been taken for something else: gold, for the hour.
            found.truncate(start_of_last);
            found.extend_from_slice(meanings);
        } else if word.is_ascii() {
            found.extend_from_slice(english(word));
        } else {
            read_chinese(word, &mut found);
        }
        start_of_last = start;
    }
    found
}

/// A word as it stands, or its singular.
fn english(word: &str) -> &'static [Meaning] {
    let known = means(word);
    if !known.is_empty() {
        return known;
    }
    let Some(stem) = word.strip_suffix('s') else { return &[] };
    let known = means(stem);
    if !known.is_empty() {
        return known;
    }
    stem.strip_suffix('e').map_or(&[], |stem| match stem.strip_suffix('i') {
        Some(stem) => means(&format!("{stem}y")),
        None => means(stem),
    })
}

/// Chinese has no spaces: at each character the longest known word is taken.
fn read_chinese(text: &str, found: &mut Vec<Meaning>) {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut at = 0;
    while at + 1 < starts.len() {
        let longest = (1..=LONGEST.min(starts.len() - 1 - at)).rev();
        let known =
            longest.map(|long| (long, means(&text[starts[at]..starts[at + long]]))).find(|(_, m)| !m.is_empty());
        let (long, meanings) = known.unwrap_or((1, &[]));
        found.extend_from_slice(meanings);
        at += long;
    }
}

/// Two words that mean something else together.
fn pair_means(pair: &str) -> Option<&'static [Meaning]> {
    Some(match pair {
        "golden hour" => &[Time(Dusk)],
        "blue hour" => &[Time(Night), Colour(Blue)],
        "cherry blossom" | "cherry blossoms" => &[Season(Spring), Subject(Trees)],
        "blue sky" | "blue skies" => &[Time(Day)],
        "milky way" => &[Subject(Stars)],
        "northern lights" => &[Weather(Aurora)],
        _ => return None,
    })
}

fn means(word: &str) -> &'static [Meaning] {
    for table in [place_means, weather_means, look_means, subject_means] {
        let known = table(word);
        if !known.is_empty() {
            return known;
        }
    }
    &[]
}

fn place_means(word: &str) -> &'static [Meaning] {
    match word {
        "mountain" | "mount" | "peak" | "alp" | "alpine" | "ridge" | "volcano" | "himalaya" | "fjord" | "山"
        | "山脉" | "山峰" | "高山" | "峡谷" => &[Place(Mountains)],
        "sea" | "ocean" | "coast" | "wave" | "bay" | "harbour" | "harbor" | "seaside" | "海" | "大海" | "海洋"
        | "海浪" | "港口" => &[Place(Sea)],
        "beach" | "shore" | "lagoon" | "海滩" | "沙滩" | "海边" => &[Place(Beach)],
        "forest" | "wood" | "woodland" | "jungle" | "grove" | "森林" | "树林" | "林" | "丛林" => {
            &[Place(Forest)]
        }
        "city" | "skyline" | "town" | "downtown" | "skyscraper" | "metropoli" | "metropolis" | "urban"
        | "cyberpunk" | "street" | "城市" | "都市" | "城" | "街道" => &[Place(City)],
        "desert" | "dune" | "sahara" | "canyon" | "oasis" | "沙漠" | "沙丘" => &[Place(Desert)],
        "meadow" | "field" | "hill" | "grassland" | "countryside" | "valley" | "prairie" | "farm" | "pasture"
        | "草地" | "田野" | "草原" | "山丘" | "丘陵" | "田" | "山谷" => &[Place(Meadow)],
        "lake" | "pond" | "湖" | "湖泊" | "池塘" => &[Place(Lake)],
        "river" | "stream" | "creek" | "canal" | "河" | "河流" | "江" | "溪" => &[Place(River)],
        "island" | "isle" | "archipelago" | "岛" | "岛屿" | "小岛" => &[Place(Island)],
        "space" | "planet" | "galaxy" | "nebula" | "cosmo" | "cosmos" | "universe" | "orbit" | "astronaut" | "mar"
        | "太空" | "宇宙" | "星球" | "行星" | "银河系" | "星系" => &[Place(Space)],
        "garden" | "park" | "花园" | "公园" => &[Place(Garden)],
        "village" | "hamlet" | "村庄" | "村" | "小镇" => &[Place(Village)],
        "castle" | "fortress" | "palace" | "kingdom" | "城堡" | "宫殿" => &[Place(Castle)],
        "road" | "path" | "highway" | "trail" | "lane" | "路" | "小路" | "公路" => &[Place(Road)],
        "waterfall" | "cascade" | "瀑布" => &[Place(Waterfall)],
        _ => &[],
    }
}

fn weather_means(word: &str) -> &'static [Meaning] {
    match word {
        "rain" | "rainy" | "raining" | "drizzle" | "shower" | "雨" | "下雨" | "雨天" => &[Weather(Rain)],
        "snow" | "snowy" | "snowing" | "snowfall" | "blizzard" | "雪" | "下雪" | "雪景" => &[Weather(Snow)],
        "雪山" => &[Place(Mountains), Season(Winter)],
        "fog" | "foggy" | "mist" | "misty" | "haze" | "hazy" | "雾" | "薄雾" => &[Weather(Fog)],
        "storm" | "stormy" | "lightning" | "thunder" | "thunderstorm" | "tempest" | "暴风雨" | "闪电" | "雷"
        | "风暴" => &[Weather(Storm)],
        "cloud" | "cloudy" | "overcast" | "云" | "云海" | "多云" | "白云" => &[Weather(Clouds)],
        "clear" | "sunny" | "cloudless" | "晴" | "晴天" | "晴朗" => &[Weather(Clear)],
        "wind" | "windy" | "breeze" | "风" | "微风" => &[Weather(Wind)],
        "rainbow" | "彩虹" => &[Weather(Rainbow)],
        "aurora" | "极光" => &[Weather(Aurora)],
        "dawn" | "sunrise" | "morning" | "daybreak" | "黎明" | "日出" | "早晨" | "清晨" | "朝霞" => {
            &[Time(Dawn)]
        }
        "day" | "noon" | "midday" | "daylight" | "afternoon" | "sun" | "白天" | "中午" | "正午" | "太阳" | "阳光" => {
            &[Time(Day)]
        }
        "dusk" | "sunset" | "evening" | "twilight" | "日落" | "黄昏" | "傍晚" | "夕阳" | "晚霞" => {
            &[Time(Dusk)]
        }
        "night" | "midnight" | "nighttime" | "夜" | "夜晚" | "午夜" | "夜景" => &[Time(Night)],
        "moonlit" | "moonlight" | "月光" | "月夜" => &[Time(Night), Subject(Moon)],
        "starry" | "星空" => &[Time(Night), Subject(Stars)],
        "spring" | "春" | "春天" | "樱花" => &[Season(Spring)],
        "autumn" | "fall" | "autumnal" | "秋" | "秋天" | "红叶" => &[Season(Autumn)],
        "winter" | "wintry" | "frozen" | "ice" | "icy" | "arctic" | "冬" | "冬天" | "冰" => &[Season(Winter)],
        _ => &[],
    }
}

fn look_means(word: &str) -> &'static [Meaning] {
    match word {
        "red" | "crimson" | "scarlet" | "红" | "红色" => &[Colour(Red)],
        "orange" | "amber" | "橙" | "橙色" => &[Colour(Orange)],
        "gold" | "golden" | "yellow" | "金" | "金色" | "黄" | "黄色" => &[Colour(Gold)],
        "green" | "emerald" | "绿" | "绿色" => &[Colour(Green)],
        "teal" | "turquoise" | "cyan" | "aqua" | "青" | "青色" => &[Colour(Teal)],
        "blue" | "azure" | "indigo" | "蓝" | "蓝色" => &[Colour(Blue)],
        "purple" | "violet" | "magenta" | "紫" | "紫色" => &[Colour(Purple)],
        "pink" | "rose" | "粉" | "粉色" | "粉红" => &[Colour(Pink)],
        "pastel" | "soft" | "柔和" => &[Colour(Pastel)],
        "neon" | "vaporwave" | "霓虹" => &[Colour(Neon)],
        "monochrome" | "grey" | "gray" | "noir" | "黑白" | "灰" | "灰色" => &[Colour(Grey)],
        "calm" | "peaceful" | "quiet" | "serene" | "tranquil" | "still" | "宁静" | "平静" | "安静" => {
            &[Mood(Calm)]
        }
        "dramatic" | "epic" | "majestic" | "壮观" | "史诗" => &[Mood(Dramatic)],
        "cosy" | "cozy" | "warm" | "温馨" | "温暖" => &[Mood(Cosy)],
        "lonely" | "lone" | "alone" | "solitary" | "empty" | "孤独" => &[Mood(Lonely)],
        "dreamy" | "dream" | "magical" | "magic" | "fantasy" | "surreal" | "梦" | "梦幻" => &[Mood(Dreamy)],
        "gloomy" | "dark" | "moody" | "sad" | "eerie" | "阴沉" | "阴暗" => &[Mood(Gloomy)],
        "cheerful" | "happy" | "bright" | "joyful" | "欢快" | "快乐" | "明亮" => &[Mood(Cheerful)],
        _ => &[],
    }
}

fn subject_means(word: &str) -> &'static [Meaning] {
    match word {
        "lighthouse" | "灯塔" => &[Subject(Lighthouse)],
        "boat" | "ship" | "sail" | "sailing" | "sailboat" | "yacht" | "船" | "帆船" | "小船" => &[Subject(Boat)],
        "tree" | "oak" | "birch" | "树" | "大树" => &[Subject(Trees)],
        "pine" | "fir" | "spruce" | "conifer" | "松树" | "松" => &[Subject(Pines)],
        "palm" | "tropical" | "coconut" | "椰树" | "棕榈" | "椰子树" => &[Subject(Palms)],
        "bird" | "gull" | "seagull" | "geese" | "crow" | "swallow" | "鸟" | "飞鸟" | "海鸥" | "大雁" => {
            &[Subject(Birds)]
        }
        "house" | "cabin" | "cottage" | "hut" | "barn" | "home" | "房子" | "小屋" | "木屋" | "房屋" => {
            &[Subject(House)]
        }
        "tower" | "塔" => &[Subject(Tower)],
        "bridge" | "桥" => &[Subject(Bridge)],
        "balloon" | "热气球" | "气球" => &[Subject(Balloon)],
        "moon" | "crescent" | "月亮" | "月" | "满月" => &[Subject(Moon)],
        "star" | "constellation" | "星" | "星星" | "银河" => &[Subject(Stars)],
        "flower" | "tulip" | "poppy" | "lavender" | "wildflower" | "blossom" | "sunflower" | "花" | "花朵" | "鲜花"
        | "郁金香" | "向日葵" | "薰衣草" => &[Subject(Flowers)],
        "firefly" | "lantern" | "萤火虫" | "灯笼" => &[Subject(Fireflies)],
        "deer" | "stag" | "elk" | "鹿" => &[Subject(Deer)],
        "fox" | "wolf" | "狐狸" | "狼" => &[Subject(Fox)],
        "cat" | "kitten" | "猫" => &[Subject(Cat)],
        "windmill" | "mill" | "风车" => &[Subject(Windmill)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_words_are_understood_in_any_number_and_after_marks() {
        assert_eq!(read("mountains, at dusk!"), [Place(Mountains), Time(Dusk)]);
        assert_eq!(read("cities/galaxies"), [Place(City), Place(Space)]);
        assert_eq!(read("fireflies foxes"), [Subject(Fireflies), Subject(Fox)]);
        assert_eq!(read("golden hour, milky way"), [Time(Dusk), Subject(Stars)]);
    }

    #[test]
    fn chinese_words_are_understood_without_spaces() {
        assert_eq!(read("日落时的大海"), [Time(Dusk), Place(Sea)]);
        assert_eq!(read("雪山和热气球"), [Place(Mountains), Season(Winter), Subject(Balloon)]);
        assert_eq!(read("夜 城市 雨"), [Time(Night), Place(City), Weather(Rain)]);
    }

    #[test]
    fn what_is_denied_and_what_is_unknown_means_nothing() {
        assert_eq!(read("a spreadsheet without clouds"), []);
        assert_eq!(read("龘 ß no birds"), []);
    }
}
