#!/bin/sh
# Runs once in the image, after the packages are installed.
set -eu

# 10 000 lines of comments cost Puppet's nova_config ten seconds and 160 MB in its first run. The options stay as Debian sets them.
sed -i -E '/^\s*(#|$)/d' /etc/nova/nova.conf

# Debian enables both, and both exit and start again for ever where there is no Keystone: a host that boots is to be quiet.
systemctl disable nova-conductor.service nova-scheduler.service
