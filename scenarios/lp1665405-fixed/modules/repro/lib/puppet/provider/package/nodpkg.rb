# For Debian what TripleO's norpm is for CentOS: it says what is installed, and never installs or removes anything.
Puppet::Type.type(:package).provide :nodpkg, parent: :dpkg, source: :dpkg do
  desc 'A provider like dpkg that never installs or removes anything, and knows virtual packages.'

  has_feature :virtual_packages # with rpm this suffices: it asks rpm --whatprovides

  def self.instances
    []
  end

  # dpkg has no such question: look through what the installed packages provide.
  def query
    found = super
    return found unless [:absent, :purged].include?(found[:ensure])

    installed = dpkgquery('-W', '--showformat', '${db:Status-Status}\t${Version}\t${Provides}\n').lines(chomp: true)
    version = installed.filter_map { |line|
      status, version, provides = line.split("\t")
      version if status == 'installed' && provides.to_s.split(',').any? { |name| name.split.first == @resource[:name] }
    }.first
    version ? found.merge(ensure: version, status: 'installed') : found
  end

  def install
    Puppet.debug("nodpkg does not install #{@resource[:name]}")
    true
  end

  def uninstall
    Puppet.debug("nodpkg does not remove #{@resource[:name]}")
    true
  end

  def purge
    Puppet.debug("nodpkg does not purge #{@resource[:name]}")
    true
  end
end
