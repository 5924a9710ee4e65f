"""What `--help` says of the commands that are imported only when they are called. The list of commands shows the first paragraphs."""

SERVE = """Serve the gateway until it is told to stop.

The first start makes one gateway key and prints it once. Providers are found in the environment (`ANTHROPIC_API_KEY`,
`OPENAI_API_KEY`, …) and in the configuration file, which is watched: a valid edit is live within two seconds.

Examples

```
tidegate serve
tidegate serve --port 9000 --config /etc/tidegate.yaml
tidegate serve --workers 4
TIDEGATE_HOST=0.0.0.0 tidegate serve
```
"""

CHECK = """Check a configuration and print what would be served.

Every mistake is told with its file, its line and the fix. The exit code is 1 if there is one, else 0. No secret is printed
and nothing is sent to a provider.

Examples

```
tidegate check
tidegate check staging.yaml
```
"""

CREATE_KEY = """Make a key and print it, once.

With no more than a name, models and `live` or `test` it is kept in `keys.json`, needs no database, and works until it is revoked. With
anything else it is kept in the database: it belongs to an organisation, and there to a team, a user or a service account where one is
named, and ends after 90 days where `--expires` says nothing else.

The key alone goes to standard output, so that a script can take it. Admin keys of the control API are made by `tidegate users admin-key`.

Examples

```
tidegate keys create --name ci --model smart --model "anthropic/*"
export TIDEGATE_KEY=$(tidegate keys create --name laptop --env test)
tidegate keys create --name indexer --org acme --team search --expires 30d --budget 25/month --limit requests_per_minute=60
tidegate keys create --name ada --org acme --user ada@example.com --model "claude-*" --tag research
```
"""

LIST_KEYS = """List keys: those that were made here, and an organisation's of the database; also those that have ended.

Keys of the configuration file are shown by `tidegate check`.

Examples

```
tidegate keys list --state active
tidegate keys list --org acme --json
```
"""

SHOW_KEY = """Show a key with everything that is known of it but its secret: whose it is, what it may do, its limits and when it ends.

Examples

```
tidegate keys show 4fGh71kLmN0p
tidegate keys show indexer --org acme --json
```
"""

CHECK_KEY = """Check a key offline: is it whole, and is it known here? The exit code is 1 if it would not be let in.

It is looked for in `keys.json` and in the database, also where another gateway made it. Of a key of the database, its owner counts too;
addresses and times do not.

Examples

```
tidegate keys check < key.txt
```
"""

REVOKE_KEY = """Revoke a key for ever, one of `keys.json` or of the database. Calls that have begun are finished.

Admin keys of the control API end by it too.

Examples

```
tidegate keys revoke 4fGh71kLmN0p
tidegate keys revoke indexer --org acme
```
"""

DISABLE_KEY = """Stop a key of the database until it is enabled.

Examples

```
tidegate keys disable 4fGh71kLmN0p
```
"""

ENABLE_KEY = """Let a disabled key of the database work again.

Examples

```
tidegate keys enable 4fGh71kLmN0p
```
"""

ROTATE_KEY = """Make a new key in place of one of the database, and print it, once. Both work until the overlap has passed.

The new one has everything of the old one, and lives as long as that was made for. Its limits and budgets become the new one's, with what
was used of them; while both work, they count as one. The new key alone goes to standard output.

Examples

```
export TIDEGATE_KEY=$(tidegate keys rotate 4fGh71kLmN0p --overlap 3600)
```
"""

AWS_KEY = """Print the access key and the secret with which clients of AWS use a key: those that sign their requests.

The secret is made from what the gateway keeps of the key, so it can be printed again. Clients that send a bearer key need none: they
take the key itself as `AWS_BEARER_TOKEN_BEDROCK`.

Examples

```
tidegate keys aws 4fGh71kLmN0p
```
"""

KEYS = """Make, list, check, rotate and revoke gateway keys.

Tokens are kept as digests only: each is shown once, when it is made. A running gateway takes every change within two seconds.
"""

CATALOG = """Make prices and capabilities anew.

What the catalogue knows of models comes with Tidegate; between two versions, prices change.
"""

CATALOG_REFRESH = """Make the prices anew from the data of the `genai-prices` package.

Each new release of that package has the list prices of the day, with contexts and what is deprecated. What changes is printed, a
line for each model; the file is written into the directory of Tidegate's state and counts from the gateway's next start, until a
Tidegate with later prices is installed. Your own rows (`prices` and `models` of the configuration) count before it, as ever.

Examples

```
pip install --upgrade genai-prices
tidegate catalog refresh
```
"""

MODELS = """List the models that would be served.

These are the routes, and the known models of every provider that has a key. Any other model of such a provider works too, as
`provider/model`. Prices are in dollars per million tokens.

Examples

```
tidegate models
tidegate models claude
tidegate models --json
```
"""

SANDBOX = """Serve the scriptable fake provider on a port of its own.

It answers as OpenAI and as Anthropic do, and does what a JSON object in the prompt orders: delays, errors, tool calls, cut
streams. For tests of your own applications; it needs no key and reaches no network.

Examples

```
tidegate sandbox
tidegate sandbox --port 9999
```
"""

PLAN = """Show what `tidegate apply` would change. The exit code is 0 if that is nothing, and 2 if there are changes.

The file has sections like `providers`, `routes`, `keys` and `budgets`, as `tidegate export` writes them. A section that is
there is meant whole: what is not in it is deleted. What the gateway's own file defines stays as it is, and may stand in the file where it
is the same. Secrets are references, `env:NAME` or `file:/path`, that are followed here and sealed there; one that leads nowhere here is
left as it is stored.

The command asks the control API with the admin key in `TIDEGATE_ADMIN_KEY`.

Examples

```
tidegate plan gateway.yaml
tidegate plan gateway.yaml --json | jq '.changes[].name'
```
"""

APPLY = """Make the database of a running gateway say what a file says: all of it in one transaction, or nothing.

Applying the same file again changes nothing. `tidegate plan` shows beforehand what would be changed, and says what the file has.

Examples

```
export TIDEGATE_ADMIN_KEY=tgk_adm_...
tidegate export > gateway.yaml
tidegate apply gateway.yaml --url https://gateway.internal:8081
```
"""

EXPORT = """Write what a running gateway's file and database define, as a file that `tidegate apply` takes.

No secret is in it. Each is a reference: the one that it was applied with, else `env:TIDEGATE_SECRET_` and the name of the credential.
"""

CREDENTIALS = """Keep, list, change and delete the keys of providers. A gateway takes every change within two seconds.

They are sealed in the database with a key of yours: `TIDEGATE_KEK`, or the file `kek` under `TIDEGATE_HOME`. No command shows them.
"""

USAGE = """Print what was used and what it cost.

The figures come from the ledger's sums and are exact; latencies are of successful attempts. INPUT has all tokens of the prompt, CACHED
those of them that were read from a provider's cache, and SAVED what its caches saved.

Examples

```
tidegate usage
tidegate usage --by model --since 7d --bucket day
tidegate usage --by team --by key --since 2026-06-01 --until 2026-07-01 --time-zone Europe/Berlin
tidegate usage --by model --only team=core --json
```
"""

MIGRATE = """Show and raise the version of the database's schema.

The embedded SQLite database is brought up to date at every start. PostgreSQL (`TIDEGATE_DATABASE_URL`) is not: a gateway whose
database is behind does not start, and says so.
"""

LIMITS = """List, set, change and take away limits of requests, tokens and calls at once.

A limit is for a team, a user, a key, an end user, a route, a model, a tag or the whole organisation. Money is `tidegate budgets`. These
commands work on the database, also while a gateway runs.
"""

BUDGETS = """List, set, change and take away budgets.

A budget is an amount of money for a team, a user, a key, an end user, a route, a model, a tag or the whole organisation, in every hour,
day, week or month, or in total. These commands work on the database, also while a gateway runs.
"""

WEBHOOKS = """List, make, change, test and delete webhooks: who is told of budgets that pass a threshold.

These commands work on the database, also while a gateway runs, which takes every change within two seconds. Those of the configuration
file are its own. What is sent is signed; `docs/limits.md` tells how it is checked.
"""

ORGS = """List, make, disable and enable organisations, which are the tenants.

These commands work on the database, also while a gateway runs. What files define belongs to the organisation `default`.
"""

TEAMS = """List and make the teams of an organisation, and put users into them.
"""

SERVICE_ACCOUNTS = """List and add service accounts, give them roles, make their admin keys, and disable them.

A service account is a program of an organisation, or of one of its teams. `tidegate keys create --service-account` makes keys for its
calls.
"""

USERS = """List and add users, give them roles, and make their admin keys.

A role says what somebody may do in the control API, which `docs/control-api.md` describes. `tidegate users admin-key` also helps
where the first admin key was lost.
"""

EXPORT_USER = """Write everything that there is about a user: a JSON object per line, and no secret.

Examples

```
tidegate users export user_4fGh71kLmN0p --org acme > ada.jsonl
```

Parameters
----------
user:
    The user's id.
"""

ERASE_USER = """Erase a user: keys and roles end at once, and a pseudonym stands wherever the user was named. Amounts stay.

Examples

```
tidegate users erase user_4fGh71kLmN0p --org acme --yes
```

Parameters
----------
user:
    The user's id.
"""

END_USERS = """Give out or erase what there is about an end user: somebody whom clients name in their calls.

`docs/privacy.md` says what is found, and what is not.
"""

PLANS = """List and make the plans that customers can have.

A plan has a fee for each month, usage that the fee includes, and a markup on what usage cost.
"""

CUSTOMERS = """List and make customers, and give them plans.

A customer is an organisation, a team or an end user; `docs/billing.md` tells how they are billed.
"""

ADJUSTMENTS = """List and make credits and charges that go onto a customer's next invoice.

They are never changed: what was wrong is put right by another one.
"""

INVOICES = """List, draft, show, drop and finalise invoices.

An invoice is worked out of the ledger's sums. A final one has a number and changes no more.
"""

RECONCILE = """Compare a provider's own export of usage or cost with the ledger.

The export is a file as OpenAI (usage or costs) or Anthropic (usage report or cost report) gives it, CSV or JSON. What differs is printed
for each day of UTC and model. The exit code is 0 where everything is the same, 1 where something differs, 2 where nothing could
be compared.

Examples

```
tidegate reconcile usage.json --provider openai
tidegate reconcile claude_api_tokens.csv --provider anthropic --all
```
"""

IMPORT_KEYS = """Take over keys that another gateway made, so that their owners need no new ones.

The file is CSV with a line of names, or JSON: a list of objects, or what LiteLLM's `/key/list?return_full_object=true` answers. Each key
has its value (`value`, `key`) or the SHA-256 of it in hexadecimal (`sha256`, `token`), and may have `name` (`key_alias`), `models`, `tags`
and `expires_at` (`expires`). Only digests are kept. Keys that can be guessed are refused, as are those that begin with `tgk_`; with any
mistake nothing is imported. Keys that are there already stay as they are, so a file may be imported again.

Examples

```
tidegate keys import keys.csv --org acme
curl -s "$LITELLM/key/list?return_full_object=true" -H "Authorization: Bearer $MASTER" | tidegate keys import -
```
"""

ROTATE_KEK = """Change the key that seals provider credentials, while gateways run.

A new key is added to the file `kek` before the present one, the data keys of all secrets are wrapped with it, and the old key is
removed. It can be interrupted anywhere: run it again, and it goes on. Where the keys come from `TIDEGATE_KEK`, set it to `NEW,OLD`
first and to `NEW` afterwards; restart the gateways in between.

Examples

```
tidegate keys rotate-kek
TIDEGATE_KEK="$(openssl rand -base64 32),$TIDEGATE_KEK" tidegate keys rotate-kek
```
"""

FORGET_KEK = """Delete every secret that a lost key has sealed, so that the gateway starts again.

Examples

```
tidegate keys forget-kek 0a1b2c3d4e5f6071 --yes
```
"""

BACKUP = """Write everything that the database keeps into a file.

The file is made as of one moment, while gateways go on: organisations, people, keys, limits, the ledger with its sums, bills, and the audit
log. Secrets stay sealed in it. It can be restored into SQLite and PostgreSQL, whichever it came from.

Examples

```
tidegate backup tidegate-2026-06-14.backup
```
"""

RESTORE = """Put a backup into an empty database.

All of the file is checked before anything is written, and all of it is restored or nothing. The database may be one that does not exist yet
(SQLite) or is new (PostgreSQL); one that holds something is refused. No gateway may run on it.

Examples

```
tidegate restore tidegate-2026-06-14.backup
TIDEGATE_DATABASE_URL=postgresql://… tidegate restore tidegate-2026-06-14.backup
```
"""

LEDGER = """Put right what the ledger says.

Rows of the ledger never change: a correction is a new entry beside them.

Examples

```
tidegate ledger reprice --since 2026-06-01 --until 2026-06-08 --model 'openai/gpt-5*'
tidegate ledger reprice --since 2026-06-01 --until 2026-06-08 --model 'openai/gpt-5*' --apply
```
"""

PRICES = """Set what models cost, in the database.

Gateways use a change within two seconds. What is set here stands in place of the catalogue's price, and behind `prices` of tidegate.yaml.

Examples

```
tidegate prices set openai/gpt-5 --input 1.25 --output 10 --cache-read 0.125
tidegate prices set openai/gpt-5 --from 2027-01-01 --input 1 --output 8
tidegate prices list
```
"""
