//! How things look: a style for each role that a word can play, in five themes, and the glyphs, in two alphabets.
//!
//! A colour never stands alone: beside it there is a glyph or a word. So `mono`, which sets no colour at all, loses nothing.
//! Only the sixteen names of ANSI are used, so that a terminal's own palette decides what they look like; dark grey is
//! never used, because nobody in the last row can read it.

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};

/// Which theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Theme {
    /// For a dark terminal.
    #[default]
    Default,
    /// For a light terminal.
    Light,
    /// White on black, and bright.
    HighContrast,
    /// Blue, yellow and white: told apart without red and green.
    Deuteranopia,
    /// No colour at all.
    Mono,
}

/// What a word is, as far as its looks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A word like others.
    Plain,
    /// The title of the window.
    Title,
    /// The name of a column or a block.
    Heading,
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Broken.
    Bad,
    /// Who leads; what is selected among many.
    Leader,
    /// Something that somebody did.
    Done,
    /// A key that can be pressed.
    Key,
    /// The line on which the cursor is.
    Selected,
    /// A committed record of an epoch.
    Committed(u8),
    /// A record that is not committed.
    Uncommitted,
}

impl Theme {
    /// The style of a role.
    pub fn style(self, role: Role) -> Style {
        let plain = self.plain();
        let colour = |colour: Color| plain.fg(colour);
        let bold = |style: Style| style.add_modifier(Modifier::BOLD);
        match role {
            Role::Plain => plain,
            Role::Title | Role::Heading => bold(plain),
            Role::Key => bold(self.coloured(plain, self.palette().key)),
            Role::Good => self.coloured(plain, self.palette().good),
            Role::Warning if self == Theme::Mono => plain.add_modifier(Modifier::UNDERLINED),
            Role::Warning => self.coloured(plain, self.palette().warning),
            Role::Bad if self == Theme::Mono => bold(plain).add_modifier(Modifier::REVERSED),
            Role::Bad => bold(self.coloured(plain, self.palette().bad)),
            Role::Leader => bold(self.coloured(plain, self.palette().leader)),
            Role::Done => bold(self.coloured(plain, self.palette().done)),
            Role::Selected => plain.add_modifier(Modifier::REVERSED),
            Role::Committed(_) if self == Theme::Mono => plain.add_modifier(Modifier::REVERSED),
            Role::Committed(epoch) => {
                let shades = self.palette().epochs;
                colour(shades[usize::from(epoch) % shades.len()]).add_modifier(Modifier::REVERSED)
            }
            Role::Uncommitted => plain.add_modifier(Modifier::UNDERLINED),
        }
    }

    fn plain(self) -> Style {
        match self {
            Theme::HighContrast => Style::new().fg(Color::White).bg(Color::Black),
            Theme::Default | Theme::Light | Theme::Deuteranopia | Theme::Mono => Style::new(),
        }
    }

    fn coloured(self, style: Style, colour: Color) -> Style {
        if self == Theme::Mono { style } else { style.fg(colour) }
    }

    fn palette(self) -> Palette {
        match self {
            Theme::Default | Theme::Mono => Palette {
                good: Color::Green,
                warning: Color::Yellow,
                bad: Color::Red,
                leader: Color::Cyan,
                done: Color::Magenta,
                key: Color::Cyan,
                epochs: [Color::Cyan, Color::Yellow, Color::Magenta, Color::Green],
            },
            Theme::Light => Palette {
                good: Color::Blue,
                warning: Color::Magenta,
                bad: Color::Red,
                leader: Color::Blue,
                done: Color::Magenta,
                key: Color::Blue,
                epochs: [Color::Blue, Color::Magenta, Color::Red, Color::Black],
            },
            Theme::HighContrast => Palette {
                good: Color::LightGreen,
                warning: Color::LightYellow,
                bad: Color::LightRed,
                leader: Color::LightCyan,
                done: Color::LightMagenta,
                key: Color::LightYellow,
                epochs: [Color::LightCyan, Color::LightYellow, Color::LightMagenta, Color::LightGreen],
            },
            Theme::Deuteranopia => Palette {
                good: Color::LightBlue,
                warning: Color::LightYellow,
                bad: Color::Yellow,
                leader: Color::LightBlue,
                done: Color::White,
                key: Color::LightBlue,
                epochs: [Color::LightBlue, Color::LightYellow, Color::White, Color::Blue],
            },
        }
    }
}

/// The colours of a theme.
struct Palette {
    good: Color,
    warning: Color,
    bad: Color,
    leader: Color,
    done: Color,
    key: Color,
    /// Of committed records: neighbours among the epochs differ.
    epochs: [Color; 4],
}

/// Which signs are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alphabet {
    /// Boxes, circles and arrows.
    #[default]
    Unicode,
    /// What every font has.
    Ascii,
}

/// A sign that stands beside a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// A process runs.
    Running,
    /// A process stands still.
    Paused,
    /// A process does not run.
    Stopped,
    /// A machine is without power.
    Off,
    /// Who leads.
    Leader,
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// It does not hold, and that is nobody's fault.
    Excused,
    /// Time runs.
    Play,
    /// Time stands.
    Still,
    /// The line that is selected.
    Cursor,
    /// A horizontal line.
    Rule,
    /// The time that has passed, on the slider.
    Passed,
    /// Where we are, on the slider.
    Here,
    /// A fault on the slider.
    Fault,
    /// News on the slider.
    News,
    /// A bookmark on the slider.
    Bookmark,
    /// A batch that a power cut would leave.
    Durable,
    /// A batch that is only in the page cache.
    Cached,
    /// A record that is not committed yet.
    Pending,
    /// So many times as fast.
    Times,
    /// A request on its way.
    Right,
    /// A request on its way to the left.
    Left,
    /// A lane of the space-time diagram.
    Lane,
    /// Something that happened in a lane.
    Event,
    /// The first line that another run has not.
    Differs,
    /// Words that have no room.
    Cut,
}

impl Alphabet {
    /// The sign, one column wide.
    pub fn sign(self, glyph: Glyph) -> char {
        let [unicode, ascii] = match glyph {
            Glyph::Running => ['●', 'o'],
            Glyph::Paused => ['‖', 'P'],
            Glyph::Stopped => ['✗', 'X'],
            Glyph::Off => ['○', '-'],
            Glyph::Leader => ['★', '*'],
            Glyph::Yes => ['✓', '+'],
            Glyph::No => ['✗', 'X'],
            Glyph::Excused => ['≈', '~'],
            Glyph::Play => ['▶', '>'],
            Glyph::Still => ['‖', '='],
            Glyph::Cursor => ['›', '>'],
            Glyph::Rule => ['─', '-'],
            Glyph::Passed => ['━', '='],
            Glyph::Here => ['◆', '#'],
            Glyph::Fault => ['▲', '^'],
            Glyph::News => ['•', '\''],
            Glyph::Bookmark => ['▼', 'v'],
            Glyph::Durable => ['█', '#'],
            Glyph::Cached => ['░', '.'],
            Glyph::Pending => ['╌', '-'],
            Glyph::Times => ['×', 'x'],
            Glyph::Right => ['→', '>'],
            Glyph::Left => ['←', '<'],
            Glyph::Lane => ['│', '|'],
            Glyph::Event => ['●', 'o'],
            Glyph::Differs => ['≠', '!'],
            Glyph::Cut => ['…', '~'],
        };
        match self {
            Alphabet::Unicode => unicode,
            Alphabet::Ascii => ascii,
        }
    }
}

/// Theme and alphabet together: all that a view knows of looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Signs.
    pub alphabet: Alphabet,
}

impl Look {
    /// The style of a role.
    pub fn style(self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// A sign.
    pub fn sign(self, glyph: Glyph) -> char {
        self.alphabet.sign(glyph)
    }
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// Unless `NO_COLOR` is set or the terminal is dumb.
    #[default]
    Auto,
    /// Whatever the environment says.
    Always,
    /// Not at all.
    Never,
}

/// The theme that is in force, by what was asked for and what the environment says.
pub fn chosen(asked: Option<Theme>, when: ColorWhen, no_color: bool, is_dumb: bool) -> Theme {
    match when {
        ColorWhen::Never => Theme::Mono,
        ColorWhen::Auto if no_color || is_dumb => Theme::Mono,
        ColorWhen::Auto | ColorWhen::Always => asked.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 12] = [
        Role::Plain,
        Role::Title,
        Role::Heading,
        Role::Good,
        Role::Warning,
        Role::Bad,
        Role::Leader,
        Role::Done,
        Role::Key,
        Role::Selected,
        Role::Committed(3),
        Role::Uncommitted,
    ];

    #[test]
    fn mono_sets_no_colour_at_all() {
        for role in ROLES {
            let style = Theme::Mono.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }

    #[test]
    fn no_theme_writes_in_dark_grey() {
        for theme in Theme::value_variants() {
            for role in ROLES {
                let style = theme.style(role);
                assert!(![style.fg, style.bg].contains(&Some(Color::DarkGray)), "{theme:?} {role:?}");
            }
        }
    }

    #[test]
    fn whoever_wants_no_colour_gets_none_and_only_force_overrides_the_environment() {
        let light = Some(Theme::Light);
        assert_eq!(chosen(light, ColorWhen::Auto, true, false), Theme::Mono);
        assert_eq!(chosen(light, ColorWhen::Auto, false, true), Theme::Mono);
        assert_eq!(chosen(light, ColorWhen::Never, false, false), Theme::Mono);
        assert_eq!(chosen(light, ColorWhen::Always, true, true), Theme::Light);
        assert_eq!(chosen(None, ColorWhen::Auto, false, false), Theme::Default);
    }
}
