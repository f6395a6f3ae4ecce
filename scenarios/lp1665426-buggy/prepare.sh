#!/bin/sh
# Runs once in the image, after the packages are installed.
set -eu

# On CentOS chrony and ntp may both be installed. In Debian their packages exclude each other, besides their units.
cd /var/tmp
apt-get -qq -o APT::Sandbox::User=root download chrony
dpkg --force-conflicts --install chrony_*.deb
rm chrony_*.deb

# A clock that belongs to the machine cannot be set from a disposable host: both are to run without.
sed -i 's/^DAEMON_OPTS=.*/DAEMON_OPTS="-F 1 -x"/' /etc/default/chrony
echo 'disable ntp' >> /etc/ntpsec/ntp.conf

# A host that boots is to be quiet: what runs is what a release starts.
systemctl disable chrony.service cron.service ntpsec.service
