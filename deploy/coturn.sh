#!/bin/sh
# Write coturn's settings from the environment, then become coturn (4.17 or newer; not Debian 12's, see README).
#
# TURN_SECRET         shared with the service, which makes credentials of ten minutes from it
# TURN_REALM          the site's name
# TURN_ADDRESS        the address of this machine that browsers reach
# TURN_ALLOWED_PEERS  networks that calls may reach although they are private: "10.20.0.0-10.20.255.255 …"
# TURN_CERT, TURN_KEY certificate and key for turns:; without them, UDP and TCP alone
set -eu
: "${TURN_SECRET:?}" "${TURN_REALM:?}" "${TURN_ADDRESS:?}"
umask 077
folder=${TURN_FOLDER:-/tmp}
settings=$folder/turnserver.conf

cat >"$settings" <<END
listening-ip=$TURN_ADDRESS
relay-ip=$TURN_ADDRESS
listening-port=${TURN_PORT:-3478}
tls-listening-port=${TURN_TLS_PORT:-5349}
min-port=${TURN_MIN_PORT:-49160}
max-port=${TURN_MAX_PORT:-49359}
realm=$TURN_REALM
use-auth-secret
static-auth-secret=$TURN_SECRET
fingerprint
stale-nonce=600
no-tcp-relay
no-multicast-peers
no-cli
no-dtls
no-software-attribute
# Two people, each with a few candidates of both address families.
user-quota=12
total-quota=1200
log-file=stdout
pidfile=$folder/turnserver.pid
userdb=$folder/turnserver.db
# A relay is a way into the network that it stands in: what is not public is closed,
denied-peer-ip=0.0.0.0-0.255.255.255
denied-peer-ip=10.0.0.0-10.255.255.255
denied-peer-ip=100.64.0.0-100.127.255.255
denied-peer-ip=127.0.0.0-127.255.255.255
denied-peer-ip=169.254.0.0-169.254.255.255
denied-peer-ip=172.16.0.0-172.31.255.255
denied-peer-ip=192.0.0.0-192.0.0.255
denied-peer-ip=192.168.0.0-192.168.255.255
denied-peer-ip=198.18.0.0-198.19.255.255
denied-peer-ip=240.0.0.0-255.255.255.255
denied-peer-ip=::1-::ffff
denied-peer-ip=::ffff:0:0-::ffff:ffff:ffff
denied-peer-ip=64:ff9b::-64:ff9b::ffff:ffff
denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
denied-peer-ip=fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
# but for the relay itself (two people may both need it) and the networks that the hospital names.
allowed-peer-ip=$TURN_ADDRESS
END

for network in ${TURN_ALLOWED_PEERS:-}; do
	echo "allowed-peer-ip=$network" >>"$settings"
done

if [ -n "${TURN_CERT:-}" ]; then
	printf 'cert=%s\npkey=%s\n' "$TURN_CERT" "${TURN_KEY:?}" >>"$settings"
else
	echo no-tls >>"$settings"
fi

exec turnserver -c "$settings"
