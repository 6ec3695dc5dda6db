//! Dates as JavaScript writes them.

/// No date of JavaScript is farther from 1970 (ECMA-262 §21.4.1.1).
const LARGEST_MS: f64 = 8.64e15;
const DAY_MS: i64 = 86_400_000;

/// What `JSON.stringify(new Date(ms))` writes, without the quotes; `None` if there is no such date
/// (JavaScript writes `null` then).
pub(super) fn iso_date(ms: f64) -> Option<String> {
    // NaN is not in the range either.
    if !(-LARGEST_MS..=LARGEST_MS).contains(&ms) {
        return None;
    }
    let ms = ms as i64;
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let ms = ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    let ms = ms % 1000;
    Some(format!(
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
    ))
}

/// Year, month and day of a day that is counted from 1970-01-01, in the Gregorian calendar.
///
/// Counted in eras of 400 years, whose years begin in March: then the leap day is the last one.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468; // from 0000-03-01
    let day_of_era = days.rem_euclid(ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year_of_era + days.div_euclid(ERA) * 400 + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_dates_that_javascript_writes() {
        for (ms, iso) in [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (-1.0, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000.0, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123.9, "2023-11-14T22:13:20.123Z"),
            (253_402_300_800_000.0, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001.0, "-000001-12-31T23:59:59.999Z"),
            (LARGEST_MS, "+275760-09-13T00:00:00.000Z"),
            (-LARGEST_MS, "-271821-04-20T00:00:00.000Z"),
        ] {
            assert_eq!(iso_date(ms).as_deref(), Some(iso));
        }
    }

    #[test]
    fn knows_no_date_beyond_those_of_javascript() {
        for ms in [LARGEST_MS + 1.0, -LARGEST_MS - 1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(iso_date(ms), None);
        }
    }
}
