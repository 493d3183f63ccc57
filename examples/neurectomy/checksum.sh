#!/bin/bash
# checksum.sh [NAMESPACE]: three lines that are the same for the same data: the number of rows, a checksum over all
# rows, a checksum over all of MLflow's files and their names.
set -euo pipefail
namespace=${1:-neurectomy}
postgresql=$(kubectl get pods -n "$namespace" -l app=postgresql -o jsonpath='{.items[0].metadata.name}')
mlflow=$(kubectl get pods -n "$namespace" -l app=mlflow -o jsonpath='{.items[0].metadata.name}')
kubectl exec -n "$namespace" "$postgresql" -c postgresql -- psql -U postgres -At \
  -c "SELECT 'rows ' || count(*) FROM ml_models" \
  -c "SELECT 'rows-md5 ' || md5(string_agg(m::text, E'\n' ORDER BY id)) FROM ml_models m"
kubectl exec -n "$namespace" "$mlflow" -c mlflow -- /bin/sh -c \
  'cd /mlflow/artifacts && echo "files-sha256 $(find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d" " -f1)"'
