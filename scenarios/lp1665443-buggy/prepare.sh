#!/bin/sh
# Runs once in the image, after the packages are installed.
set -eu

# 10 000 lines of comments cost Puppet's nova_config ten seconds in its first run. The options stay as Debian sets them.
sed -i -E '/^\s*(#|$)/d' /etc/nova/nova.conf

# A host that boots is to be quiet: what runs is what a release starts.
systemctl disable mariadb.service nova-novncproxy.service nova-serialproxy.service nova-spicehtml5proxy.service
