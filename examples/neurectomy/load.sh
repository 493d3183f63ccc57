#!/bin/bash
# load.sh [ROWS] [MEBIBYTES]: fills the application: ROWS rows (100000) in the table ml_models, and model-like files of
# MEBIBYTES (200) in MLflow's artifacts. The same data each time, so that a restore can be compared with it.
set -euo pipefail
namespace=${NAMESPACE:-neurectomy}
rows=${1:-100000}
mebibytes=${2:-200}

kubectl wait -n "$namespace" --for=condition=ready pod -l app=postgresql --timeout=120s
kubectl wait -n "$namespace" --for=condition=ready pod -l app=mlflow --timeout=120s
kubectl exec -i -n "$namespace" postgresql-0 -c postgresql -- psql -U postgres -q -v ON_ERROR_STOP=1 -v "rows=$rows" <<'SQL'
BEGIN;
DROP TABLE IF EXISTS ml_models;
CREATE TABLE ml_models (
  id         integer PRIMARY KEY,
  name       text NOT NULL,
  version    integer NOT NULL,
  framework  text NOT NULL,
  accuracy   numeric(6, 5) NOT NULL,
  digest     text NOT NULL,
  created_at timestamptz NOT NULL
);
INSERT INTO ml_models
SELECT i,
       'model-' || lpad((i / 10)::text, 6, '0'),
       i % 10 + 1,
       (ARRAY['pytorch', 'tensorflow', 'sklearn', 'xgboost'])[i % 4 + 1],
       ((i * 7919) % 100000) / 100000.0,
       md5(i::text) || md5((i * 31)::text),
       timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute'
FROM generate_series(1, :rows) AS i;
CREATE INDEX ml_models_name ON ml_models (name);
COMMIT;
SQL

# Ten-MiB files: 7 MiB of weights that look random, 3 MiB of text. The key is the file's number.
pod=$(kubectl get pods -n "$namespace" -l app=mlflow -o jsonpath='{.items[0].metadata.name}')
kubectl exec -n "$namespace" "$pod" -c mlflow -- /bin/sh -c '
  set -eu
  stream() { head -c "$2" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf %032d "$1")" -iv 00000000000000000000000000000000; }
  count=$(( $1 / 10 ))
  for i in $(seq 1 "$count"); do
    run=/mlflow/artifacts/$(( (i - 1) / 5 + 1 ))/run-$i/model
    mkdir -p "$run"
    { stream "$i" 7340032; stream "$(( i + 100000 ))" 2359296 | base64 -w 0; } > "$run/weights.bin"
    printf "name: model-%06d\nframework: pytorch\nversion: %d\n" "$i" "$i" > "$run/MLmodel"
  done' load "$mebibytes"
kubectl exec -n "$namespace" postgresql-0 -c postgresql -- psql -U postgres -t -c 'SELECT count(*) FROM ml_models;'
