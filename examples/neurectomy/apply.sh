#!/bin/bash
# apply.sh VOLUMES [NODE]: applies the example with kubectl. VOLUMES is a directory of the node for the two volumes;
# it is made here when the node is this machine. NODE: the node's host name, the first node's by default.
# With VOLUMES "-" the StorageClass "local" is expected to provision.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
volumes=${1:?usage: apply.sh VOLUMES [NODE]}
node=${2:-$(kubectl get nodes -o jsonpath='{.items[0].metadata.labels.kubernetes\.io/hostname}')}

kubectl apply -f "$here/00-namespaces.yaml"
if [ "$volumes" != - ]; then
  if [ "$node" = "$(hostname | tr '[:upper:]' '[:lower:]')" ]; then mkdir -p "$volumes/postgresql" "$volumes/mlflow"; fi
  sed -e "s|@VOLUMES@|$volumes|g" -e "s|@NODE@|$node|g" "$here/10-volumes.yaml" | kubectl apply -f -
fi
for file in 20-postgresql 30-mlflow 40-ml-service 50-monitoring; do kubectl apply -f "$here/$file.yaml"; done
