#!/bin/sh -e
systemctl stop worker.service
cp /etc/app/worker.conf /srv/worker.backup
