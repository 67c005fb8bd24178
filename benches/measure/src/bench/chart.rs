//! Bars, drawn by plotters.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Error;

/// What is compared with each other.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) figure: f64,
    /// The figure as it is written.
    pub(super) label: String,
}

/// One panel below the other, each with a scale of its own.
pub(super) fn svg(panels: &[Panel]) -> Result<String, Error> {
    if panels.is_empty() {
        return Err(Error::wrong("there is nothing to draw: no variant but `none` was measured"));
    }
    let heights = panels.iter().map(|panel| TITLE + BAR * i32::try_from(panel.bars.len()).unwrap_or(0) + GAP);
    let height = u32::try_from(heights.sum::<i32>()).unwrap_or(0) + 8;
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
    draw(&area, panels).map_err(|error| Error::wrong(format!("cannot draw the chart: {error}")))?;
    drop(area);
    Ok(text)
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    panels: &[Panel],
) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let text =
        |size: i32, at: HPos| ("sans-serif", size).into_font().color(&BLACK.mix(0.85)).pos(Pos::new(at, VPos::Center));
    let mut top = 4;
    for panel in panels {
        area.draw(&Text::new(panel.title.clone(), (12, top + TITLE / 2), text(19, HPos::Left)))?;
        top += TITLE;
        let most = panel.bars.iter().map(|bar| bar.figure).fold(f64::MIN_POSITIVE, f64::max);
        for bar in &panel.bars {
            let middle = top + BAR / 2;
            #[expect(clippy::cast_possible_truncation, reason = "0..=LENGTH")]
            let length = (bar.figure / most * f64::from(LENGTH)) as i32;
            let colour = if bar.name.starts_with("chain") { OURS } else { OTHERS };
            area.draw(&Text::new(bar.name.clone(), (NAMES - 8, middle), text(16, HPos::Right)))?;
            area.draw(&Rectangle::new([(NAMES, top + 3), (NAMES + length.max(1), top + BAR - 3)], colour.filled()))?;
            area.draw(&Text::new(bar.label.clone(), (NAMES + length + 6, middle), text(15, HPos::Left)))?;
            top += BAR;
        }
        top += GAP;
    }
    area.present()?;
    Ok(())
}

const WIDTH: u32 = 760;
/// Where bars begin, how long the longest is, how high each.
const NAMES: i32 = 190;
const LENGTH: i32 = 480;
const BAR: i32 = 22;
const TITLE: i32 = 30;
const GAP: i32 = 14;
const OURS: RGBColor = RGBColor(0, 109, 119);
const OTHERS: RGBColor = RGBColor(150, 160, 170);
