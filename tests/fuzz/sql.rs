//! A grammar of SQL: what models write, and what takes long or much.

use super::random::Random;
use super::values;

const TABLES: &[&str] = &[
    "metrics",
    "configs",
    "system_metrics",
    "alerts",
    "traces",
    "artifacts",
    "artifact_versions",
    "runs",
    "metrics_text",
    "configs_text",
    "sqlite_master",
    "sqlite_schema",
    "pragma_table_info('metrics')",
    "json_each(metrics)",
    "nothing",
    "main.metrics",
    "temp.metrics",
];
const COLUMNS: &[&str] = &[
    "id",
    "run_id",
    "run_name",
    "timestamp",
    "step",
    "metrics",
    "config",
    "created_at",
    "title",
    "level",
    "name",
    "rowid",
    "*",
    "key",
    "value",
    "x",
    "\"a b\"",
];
const UNARY: &[&str] = &[
    "abs",
    "length",
    "lower",
    "upper",
    "trim",
    "hex",
    "unhex",
    "quote",
    "typeof",
    "json",
    "json_type",
    "json_quote",
    "json_valid",
    "date",
    "datetime",
    "julianday",
    "unixepoch",
    "char",
    "unicode",
    "soundex",
    "round",
    "sign",
    "sqrt",
    "exp",
    "ln",
    "log10",
    "sin",
    "ceil",
    "zeroblob",
    "randomblob",
    "likely",
    "ltrim",
    "load_extension",
    "readfile",
];
const BINARY: &[&str] = &[
    "instr",
    "trim",
    "rtrim",
    "like",
    "glob",
    "json_extract",
    "json_patch",
    "printf",
    "format",
    "strftime",
    "substr",
    "nullif",
    "ifnull",
    "pow",
    "log",
    "mod",
    "atan2",
    "timediff",
    "regexp",
    "concat",
    "json_remove",
    "round",
];
const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "total",
    "median",
    "stddev",
    "group_concat",
    "json_group_array",
    "string_agg",
    "count(DISTINCT",
    "sum(DISTINCT",
];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "||", "=", "<>", "<", ">=", "AND", "OR", "IS", "LIKE", "GLOB", "IN",
    "->", "->>", "&", "<<", "REGEXP", "MATCH",
];

/// One statement, now and then with something wrong in it.
pub fn statement(random: &mut Random) -> String {
    let mut sql = match random.below(12) {
        0 => recursive(random),
        1 => format!("WITH x AS ({}) {}", select(random, 1), select(random, 1)),
        2 => format!(
            "{} {} {}",
            select(random, 1),
            random.word(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]),
            select(random, 1)
        ),
        3 => random.word(&[
            "PRAGMA table_info(metrics)",
            "PRAGMA user_version",
            "PRAGMA journal_mode=DELETE",
            "DELETE FROM metrics",
            "DROP TABLE metrics",
            "INSERT INTO metrics VALUES (1)",
            "ATTACH 'x.db' AS x",
            "VACUUM INTO 'x.db'",
            "BEGIN; SELECT 1",
            "CREATE TEMP TABLE x(a)",
            "EXPLAIN QUERY PLAN SELECT * FROM metrics",
            "VALUES (1),(2)",
            "SELECT 1; SELECT 2",
            ";",
            "",
            "--",
            "/*",
            "UPDATE metrics SET step = 1",
            "REINDEX",
            "ANALYZE",
        ]),
        4 => heavy(random),
        _ => select(random, 2),
    };
    if random.chance(6) {
        let mut bytes = sql.into_bytes();
        values::mutate(random, &mut bytes);
        sql = String::from_utf8_lossy(&bytes).into_owned();
    }
    sql
}

fn select(random: &mut Random, depth: usize) -> String {
    let columns =
        (0..random.between(1, 3)).map(|_| result(random, depth)).collect::<Vec<_>>().join(", ");
    let mut sql = format!("SELECT {}{columns}", random.word(&["", "", "", "DISTINCT "]));
    if random.chance(90) {
        sql += &format!(" FROM {}", source(random, depth));
    }
    if random.chance(40) {
        sql += &format!(" WHERE {}", expression(random, depth));
    }
    if random.chance(30) {
        sql += &format!(" GROUP BY {}", random.pick(COLUMNS));
        if random.chance(30) {
            sql += &format!(" HAVING {}", expression(random, 1));
        }
    }
    if random.chance(30) {
        sql += &format!(
            " ORDER BY {} {}",
            expression(random, 1),
            random.word(&["", "DESC", "NULLS LAST", "COLLATE NOCASE"])
        );
    }
    if random.chance(40) {
        sql += &format!(" LIMIT {} OFFSET {}", values::number(random), random.below(5));
    }
    sql
}

fn source(random: &mut Random, depth: usize) -> String {
    let table = random.pick(TABLES);
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => format!(
            "{table} a {} {} b {}",
            random.word(&[",", "JOIN", "LEFT JOIN", "NATURAL JOIN", "CROSS JOIN", "FULL JOIN"]),
            random.pick(TABLES),
            random.word(&["", "ON a.id = b.id", "USING (run_id)", "ON 1"])
        ),
        1 => format!("metrics, json_each(metrics.metrics) {}", random.word(&["", "AS j"])),
        4 => format!("({}) x", select(random, depth - 1)),
        _ => (*table).to_owned(),
    }
}

fn result(random: &mut Random, depth: usize) -> String {
    match random.below(6) {
        0 => aggregate(random, depth),
        1 => format!(
            "{} OVER ({}{}{})",
            random.word(&[
                "row_number()",
                "rank()",
                "lag(step)",
                "lead(step, 2, 0)",
                "sum(step)",
                "median(step)",
                "first_value(step)",
                "ntile(3)",
                "nth_value(step, 2)"
            ]),
            random.word(&["", "PARTITION BY run_name "]),
            random.word(&["", "ORDER BY step "]),
            random.word(&[
                "",
                "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
                "RANGE UNBOUNDED PRECEDING",
                "ROWS BETWEEN 1e9 PRECEDING AND 1 FOLLOWING"
            ]),
        ),
        _ => format!("{}{}", expression(random, depth), random.word(&["", " AS x", " AS \"a b\""])),
    }
}

fn aggregate(random: &mut Random, depth: usize) -> String {
    let name = random.pick(AGGREGATES);
    let open = if name.contains('(') { " " } else { "(" };
    let filter = random.word(&["", "", " FILTER (WHERE step > 1)"]);
    format!("{name}{open}{}){filter}", expression(random, depth.min(1)))
}

fn expression(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return match random.below(6) {
            0 => values::number(random),
            1 => format!(
                "'{}'",
                values::text(random).replace('\'', "''").chars().take(300).collect::<String>()
            ),
            2 => "json_extract(metrics, '$.loss')".to_owned(),
            3 => random.word(&[
                "NULL",
                "x'00ff'",
                "CURRENT_TIMESTAMP",
                "'$.loss'",
                "'%'",
                "?",
                ":a",
                "1e999",
                "0x7fffffffffffffff",
            ]),
            _ => (*random.pick(COLUMNS)).to_owned(),
        };
    }
    let below = depth - 1;
    match random.below(9) {
        0 => format!("{}({})", random.pick(UNARY), expression(random, below)),
        1 => format!(
            "{}({}, {})",
            random.pick(BINARY),
            expression(random, below),
            expression(random, below)
        ),
        2 => format!(
            "({} {} {})",
            expression(random, below),
            random.pick(OPERATORS),
            expression(random, below)
        ),
        3 => format!(
            "CASE WHEN {} THEN {} ELSE {} END",
            expression(random, below),
            expression(random, below),
            expression(random, below)
        ),
        4 => format!(
            "CAST({} AS {})",
            expression(random, below),
            random.word(&["INTEGER", "REAL", "TEXT", "BLOB", "NUMERIC"])
        ),
        5 => format!("(SELECT {} FROM metrics)", expression(random, below)),
        6 => format!("EXISTS ({})", select(random, below)),
        7 => format!(
            "{} BETWEEN {} AND {}",
            expression(random, below),
            expression(random, below),
            expression(random, below)
        ),
        _ => expression(random, 0),
    }
}

fn recursive(random: &mut Random) -> String {
    let end = random.word(&["10", "1000", "100000", "10000000000"]);
    let step = random.word(&["x+1", "x*2+1", "x||x", "x+1"]);
    format!(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT {step} FROM c WHERE x < {end}) SELECT {} FROM c LIMIT 50",
        aggregate(random, 0)
    )
}

/// One call that takes long, or values that take much memory.
fn heavy(random: &mut Random) -> String {
    let size = *random.pick(&[1_000, 100_000, 1_000_000, 15_000_000, 31_000_000, 999_999_999]);
    let blob = format!("zeroblob({size})");
    let long = match random.below(6) {
        0 => format!("instr({blob}, CAST(zeroblob({}) || x'01' AS BLOB))", size / 2),
        1 => format!("replace(hex({blob}), '00', hex(zeroblob(1000)))"),
        2 => format!("length(printf('%.*c', {size}, 'a'))"),
        3 => format!("hex(randomblob({size}))"),
        4 => format!("trim(hex({blob}), hex({blob}))"),
        _ => format!("hex({blob}) LIKE '%{}1%'", "0%".repeat(20)),
    };
    match random.below(4) {
        0 => format!("SELECT {}", vec![long; random.between(1, 20)].join(", ")),
        1 => format!("SELECT length({long}) FROM metrics a, metrics b, metrics c"),
        2 => format!(
            "SELECT {} ({long}) FROM metrics a, metrics b",
            random.word(&["group_concat", "max", "json_group_array", "median"])
        ),
        _ => format!("SELECT count({long})"),
    }
}
