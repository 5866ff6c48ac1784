//! Numbers as people read them.

/// `1536` -> `1.5 KiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 10.0 => format!("{value:.2} {}", UNITS[unit]),
        _ if value < 100.0 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// A tick of a ruler whose ticks are `step` apart: as many digits as tell it from its neighbours.
pub fn bytes_at(bytes: u64, step: f64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let size = |unit: usize| 1024_f64.powi(unit as i32 + 1);
    // Three digits behind the point tell neighbours apart; single bytes are named as such.
    let fits = |unit: &usize| size(*unit) <= bytes as f64 && step >= (size(*unit) / 1000.0).max(1024.0);
    match (0..UNITS.len()).rfind(fits) {
        Some(unit) => {
            let share = step / size(unit);
            let decimals = if share.fract() == 0.0 { 0 } else { (-share.log10()).ceil().clamp(1.0, 3.0) as usize };
            format!("{:.decimals$} {}", bytes as f64 / size(unit), UNITS[unit])
        }
        None if bytes == 0 => "0 B".to_owned(),
        None => count(bytes),
    }
}

/// `1234567` ns -> `1.235 ms`.
pub fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.2} µs", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.3} ms", ns as f64 / 1e6),
        _ => format!("{:.3} s", ns as f64 / 1e9),
    }
}

/// A tick of a ruler of times whose ticks are `step` ns apart: as many digits as tell it from its neighbours.
pub fn duration_at(ns: u64, step: f64) -> String {
    let (unit, name) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1e3, "\u{b5}s"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let decimals = (unit / step.max(1.0)).log10().ceil().clamp(0.0, 9.0) as usize;
    format!("{:.decimals$} {name}", ns as f64 / unit)
}

/// `1.5 ms` -> 1,500,000 ns. Without a unit there is none.
pub fn parse_duration(text: &str) -> Option<u64> {
    // Units that end in another one come first.
    const UNITS: [(&str, f64); 6] =
        [("ns", 1.0), ("us", 1e3), ("\u{b5}s", 1e3), ("ms", 1e6), ("min", 60e9), ("s", 1e9)];
    parse_with(text, &UNITS)
}

/// `4 MiB` -> 4,194,304; `4k` and `4KB` mean KiB too. A number alone is bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    const PREFIXES: [(&str, f64); 5] =
        [("k", 1024.0), ("m", 1_048_576.0), ("g", 1_073_741_824.0), ("t", 1_099_511_627_776.0), ("", 1.0)];
    let text = text.trim().to_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    parse_with(text.strip_suffix('i').unwrap_or(text), &PREFIXES)
}

/// A number before one of `units`, times what that stands for.
fn parse_with(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let (number, unit) = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let number: f64 = number.trim().replace([',', '_'], "").parse().ok()?;
    let value = (number * unit).round();
    (value >= 0.0 && value < u64::MAX as f64).then_some(value as u64)
}

/// `12.345` -> `12.35`, and below 1 three digits that count: `0.038512` -> `0.0385`.
pub fn decimal(number: f64) -> String {
    let size = number.abs();
    // What is next to 1 would round to it.
    if size > 0.0 && size < 0.9995 {
        let decimals = (2.0 - size.log10().floor()).clamp(3.0, 12.0) as usize;
        return format!("{number:.decimals$}");
    }
    format!("{number:.2}")
}

/// `1234567` -> `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Round places from `start` to `end`, `step` apart; never more than can be told apart on a screen.
pub fn ticks(start: f64, end: f64, step: f64) -> impl Iterator<Item = f64> {
    const MOST: u32 = 200;
    let first = (start / step).ceil();
    (0..MOST).map(move |i| (first + f64::from(i)) * step).take_while(move |tick| *tick <= end)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_read_well() {
        assert_eq!(super::bytes(0), "0 B");
        assert_eq!(super::bytes(1023), "1023 B");
        assert_eq!(super::bytes(1536), "1.50 KiB");
        assert_eq!(super::bytes(13_792_639_168), "12.8 GiB");
        assert_eq!(super::bytes(u64::MAX), "16.0 EiB");
        assert_eq!(super::duration(999), "999 ns");
        assert_eq!(super::duration(3_211_451_000), "3.211 s");
        assert_eq!(super::count(0), "0");
        assert_eq!(super::count(1234), "1,234");
        assert_eq!(super::count(123), "123");
    }

    #[test]
    fn small_numbers_keep_three_digits() {
        for (number, text) in [
            (0.0, "0.00"),
            (0.038_512, "0.0385"),
            (0.5, "0.500"),
            (0.9999, "1.00"),
            (-0.25, "-0.250"),
            (1.0, "1.00"),
            (12.3456, "12.35"),
            (1e-30, "0.000000000000"),
        ] {
            assert_eq!(super::decimal(number), text);
        }
        assert_eq!(super::decimal(f64::INFINITY), "inf");
    }

    #[test]
    fn numbers_with_units_are_read() {
        for (text, ns) in
            [("5 ns", 5), ("1.5us", 1500), ("2 \u{b5}s", 2000), ("0.25 MS", 250_000), ("1,000 s", 1_000_000_000_000)]
        {
            assert_eq!(super::parse_duration(text), Some(ns), "{text}");
        }
        for text in ["", "5", "ms", "-1 s", "nan s", "inf s", "1e300 s"] {
            assert_eq!(super::parse_duration(text), None, "{text}");
        }
        for (text, bytes) in
            [("7", 7), ("1.5 KiB", 1536), ("4k", 4096), ("2 MB", 2 << 20), ("1gib", 1 << 30), ("8 B", 8)]
        {
            assert_eq!(super::parse_bytes(text), Some(bytes), "{text}");
        }
        assert_eq!(super::parse_bytes("many"), None);
    }

    #[test]
    fn neighbours_on_a_ruler_read_differently() {
        assert_eq!(super::bytes_at(0, 1024.0), "0 B");
        assert_eq!(super::bytes_at(3 << 30, f64::from(1 << 30)), "3 GiB");
        // At single bytes the byte can be read off.
        assert_eq!(super::bytes_at(39_000_001, 1.0), "39,000,001");
        for (step, from) in [(1_u64 << 17, 112 << 20), (1 << 12, 112 << 20), (1 << 25, 40 << 30), (2, 1 << 40)] {
            let read: Vec<String> = (0..9).map(|k| super::bytes_at(from + k * step, step as f64)).collect();
            assert!(read.windows(2).all(|pair| pair[0] != pair[1]), "{read:?}");
        }
    }

    #[test]
    fn neighbours_on_a_ruler_of_times_read_differently() {
        assert_eq!(super::duration_at(98_584_000_000, 1e9), "99 s");
        assert_eq!(super::duration_at(50_000_000, 50e6), "50 ms");
        for (step, from) in [(1_u64, 98_584_000_000), (500, 98_584_000_000), (20_000, 3_000_000), (200_000, 900_000)] {
            let read: Vec<String> = (0..9).map(|k| super::duration_at(from + k * step, step as f64)).collect();
            assert!(read.windows(2).all(|pair| pair[0] != pair[1]), "{read:?}");
        }
    }

    #[test]
    fn ticks_end_whatever_the_numbers() {
        assert_eq!(super::ticks(1.0, 10.0, 4.0).collect::<Vec<_>>(), [4.0, 8.0]);
        assert!(super::ticks(1e19, 1e19 + 4096.0, 1.0).count() <= 200);
        assert_eq!(super::ticks(0.0, f64::NAN, 1.0).count(), 0);
    }
}
