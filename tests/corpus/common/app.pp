# Version 1 of an app: two daemons, one of which systemd restarts when it ends.
$appd = @(END)
  #!/bin/sh
  # appd NAME: reads /etc/app/NAME.conf once, when it starts, and shows it in /run/NAME/loaded.
  # appd NAME check: whether it could start.
  plugins='' needs=''
  . "/etc/app/$1.conf"
  if [ -n "$plugins" ] && [ ! -d "$plugins" ]; then
    echo "appd: there is no directory $plugins" >&2
    exit 1
  fi
  if [ "$2" = check ]; then
    exit 0
  fi
  cp "/etc/app/$1.conf" "/run/$1/loaded"
  if [ -n "$needs" ]; then
    sleep "$patience"
    if [ ! -e "$needs" ]; then
      echo "appd: waited for $needs, giving up" >&2
      exit 1
    fi
  fi
  exec sleep infinity
  | END

file {
  default:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0644';
  '/usr/local/sbin/appd':
    mode    => '0755',
    content => $appd;
  '/etc/app':
    ensure => directory,
    mode   => '0755';
}
$restart = { 'app' => 'no', 'worker' => 'always' }
$restart.each |$name, $value| {
  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644';
    "/etc/app/${name}.conf":
      content => "version=1\n";
    "/etc/systemd/system/${name}.service":
      content => @("END");
        [Unit]
        Description=${name}
        StartLimitIntervalSec=0
        [Service]
        ExecStartPre=/usr/local/sbin/appd %p check
        ExecStart=/usr/local/sbin/appd %p
        RuntimeDirectory=%p
        Restart=${value}
        [Install]
        WantedBy=multi-user.target
        | END
  }
  service { $name:
    ensure    => running,
    enable    => true,
    subscribe => File['/usr/local/sbin/appd', "/etc/app/${name}.conf", "/etc/systemd/system/${name}.service"],
  }
}
