-- Format 1. Times are microseconds since 1970 (UTC), amounts are credits; both whole numbers.
-- `jobs` is what changes at every step and is kept narrow; `job_texts` is what is read once per start and once per end.

CREATE TABLE accounts (
    key           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    charged       INTEGER NOT NULL DEFAULT 0 CHECK (charged >= 0),   -- all charges, ever: only grows
    refunded      INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND charged),
    balance       INTEGER,                                           -- the latest reading …
    balance_mark  INTEGER,                                           -- … `charged` before the question was sent …
    balance_at    INTEGER,                                           -- … and when it was noted
    unsure        INTEGER,                                           -- what of it is not believed yet …
    unsure_until  INTEGER                                            -- … until another reading, from then on
) STRICT;

-- The last reading while nothing was in flight, with the account's sums at that moment.
CREATE TABLE checkpoints (
    account   INTEGER PRIMARY KEY REFERENCES accounts (key),
    at        INTEGER NOT NULL,
    balance   INTEGER NOT NULL CHECK (balance >= 0),
    charged   INTEGER NOT NULL CHECK (charged >= 0),
    refunded  INTEGER NOT NULL CHECK (refunded >= 0),
    is_unsure INTEGER NOT NULL CHECK (is_unsure IN (0, 1))           -- charges of a moment before may be missing
) STRICT;

CREATE TABLE runs (
    key             INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    account         INTEGER NOT NULL REFERENCES accounts (key),
    manifest        TEXT    NOT NULL,
    manifest_path   TEXT    NOT NULL,
    manifest_digest TEXT    NOT NULL,
    price_list      TEXT    NOT NULL,
    settings        TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    ending          TEXT,
    created_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    opening         INTEGER,
    closing         INTEGER,
    owner           INTEGER,                                         -- who may send requests for it …
    lease_until     INTEGER,                                         -- … and until when nobody else may take it
    jobs            INTEGER NOT NULL DEFAULT 0,
    ended           INTEGER NOT NULL DEFAULT 0,
    in_doubt        INTEGER NOT NULL DEFAULT 0,
    bad             INTEGER NOT NULL DEFAULT 0,
    charged         INTEGER NOT NULL DEFAULT 0 CHECK (charged >= 0),
    refunded        INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND charged)
) STRICT;

CREATE TABLE jobs (
    run           INTEGER NOT NULL REFERENCES runs (key),
    ordinal       INTEGER NOT NULL,
    fingerprint   BLOB    NOT NULL,
    price         INTEGER NOT NULL CHECK (price >= 0),
    cost          INTEGER NOT NULL CHECK (cost >= 0),                -- what a start sets aside: 0 when reused
    priority      INTEGER NOT NULL,
    reused        INTEGER NOT NULL,
    blocked       INTEGER NOT NULL,
    pending       INTEGER NOT NULL CHECK (pending >= 0),             -- jobs it needs that have no result yet
    stage         INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 3),    -- 0 nothing bought, 1 waits, 2 in hand, 3 saved
    state         TEXT    NOT NULL,
    held          INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, cost)),
    charged       INTEGER NOT NULL DEFAULT 0 CHECK (charged IN (0, cost)),
    refunded      INTEGER NOT NULL DEFAULT 0 CHECK (refunded IN (0, charged)),
    past_charged  INTEGER NOT NULL DEFAULT 0,                        -- before a restart
    past_refunded INTEGER NOT NULL DEFAULT 0 CHECK (past_refunded BETWEEN 0 AND past_charged),
    past_sent_at  INTEGER,                                           -- the last request that cost part of that
    past_losses   TEXT,                                              -- those that were not refunded, each with its task
    attempts      INTEGER NOT NULL DEFAULT 0,
    submitted_at  INTEGER,
    finished_at   INTEGER,
    task_id       TEXT,
    error         TEXT,
    forgotten     INTEGER NOT NULL DEFAULT 0 CHECK (forgotten IN (0, 1)), -- the provider has its upload no more
    PRIMARY KEY (run, ordinal)
) STRICT, WITHOUT ROWID;

-- No index has a condition on the state, so that a step within a stage writes to none of them.
-- The queue: for each price, the jobs that may start, best first.
CREATE INDEX jobs_ready ON jobs (run, cost, priority DESC, ordinal)
    WHERE stage = 1 AND pending = 0;

-- What waits for another job: asked for whenever credits are short.
CREATE INDEX jobs_waiting ON jobs (run, cost) WHERE stage = 1 AND pending > 0;

-- What is being bought, and what was: so that another run does not buy it again.
CREATE INDEX jobs_content ON jobs (fingerprint)
    WHERE reused = 0 AND forgotten = 0 AND stage >= 2;

-- What is set aside, and what a crash leaves behind: few rows however long the history.
CREATE INDEX jobs_in_hand ON jobs (run, held) WHERE stage = 2;

-- What was paid for and came to nothing, now or before a restart: a refund may come late.
CREATE INDEX jobs_unrefunded ON jobs (run) WHERE stage = 0 AND charged > refunded;
CREATE INDEX jobs_bought_again ON jobs (past_sent_at) WHERE past_sent_at IS NOT NULL;

CREATE TABLE job_texts (
    run       INTEGER NOT NULL,
    ordinal   INTEGER NOT NULL,
    id        TEXT    NOT NULL,
    operation TEXT    NOT NULL,
    family    TEXT    NOT NULL,
    inputs    TEXT    NOT NULL,
    save      TEXT,
    needs     TEXT,
    reuse     TEXT,
    result    TEXT,
    files     TEXT,
    PRIMARY KEY (run, ordinal)
) STRICT, WITHOUT ROWID;

-- Who waits for whom; a twin waits for the job whose result it shares.
CREATE TABLE edges (
    run       INTEGER NOT NULL,
    needed    INTEGER NOT NULL,
    dependent INTEGER NOT NULL,
    PRIMARY KEY (run, needed, dependent)
) STRICT, WITHOUT ROWID;

-- Charges and refunds by the quarter of an hour in which the request left: a period's sum reads few rows.
CREATE TABLE charges (
    account  INTEGER NOT NULL REFERENCES accounts (key),
    slot     INTEGER NOT NULL,
    charged  INTEGER NOT NULL CHECK (charged >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    PRIMARY KEY (account, slot)
) STRICT, WITHOUT ROWID;

-- What a person was told of, once for each of the account's billing periods.
CREATE TABLE alerts (
    account      INTEGER NOT NULL REFERENCES accounts (key),
    period_start INTEGER NOT NULL,
    what         TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (account, period_start, what)
) STRICT, WITHOUT ROWID;

-- What the balance says that a job was charged which went alone.
CREATE TABLE audits (
    run     INTEGER NOT NULL REFERENCES runs (key),
    ordinal INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    charged INTEGER NOT NULL CHECK (charged >= 0),
    PRIMARY KEY (run, ordinal, at)
) STRICT, WITHOUT ROWID;

-- From one checkpoint to the next: what charges and refunds do not explain, where they leave anything.
CREATE TABLE unexplained (
    key      INTEGER PRIMARY KEY,
    account  INTEGER NOT NULL REFERENCES accounts (key),
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL CHECK (until >= since),
    charged  INTEGER NOT NULL CHECK (charged >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    drift    INTEGER NOT NULL CHECK (drift <> 0)
) STRICT;
CREATE INDEX unexplained_since ON unexplained (account, since);
