# brew.rb -- does what `brew install` and `brew test` do with a formula, in a folder of its own: the tar file is held
# against its sum and unpacked, install runs in it, then the formula's test. Homebrew itself has no part in it.
# usage: brew.rb FORMULA FOLDER
require "digest"
require "fileutils"
require "open3"
require "pathname"

# What the formula says of itself, and what Homebrew would do for it.
class Formula
  WORDS = [:desc, :homepage, :url, :sha256, :license].freeze
  class << self
    attr_reader :said, :checks

    def inherited(made)
      made.instance_variable_set(:@said, {})
      super
    end
    WORDS.each { |word| define_method(word) { |value| @said[word] = value } }

    def depends_on(what)
      (@said[:needs] ||= []) << (what.is_a?(Hash) ? what.keys.first : what)
    end

    def test(&block)
      @checks = block
    end
  end

  attr_reader :prefix, :testpath

  def initialize(folder)
    @prefix = Pathname(folder)/"Cellar"
    @testpath = Pathname(folder)/"test"
    @testpath.mkpath
  end

  def bin
    prefix/"bin"
  end

  def system(*words)
    out, status = Open3.capture2e(*words.map(&:to_s))
    raise "#{words.join(" ")}:\n#{out}" unless status.success?
  end

  def shell_output(line)
    out, status = Open3.capture2(line)
    raise "#{line}: status #{status.exitstatus}" unless status.success?
    out
  end

  def assert_match(wanted, text)
    raise "no #{wanted} in:\n#{text}" unless text.match?(Regexp.new(wanted.is_a?(Regexp) ? wanted : Regexp.escape(wanted)))
  end
end

file, folder = ARGV
abort "usage: brew.rb FORMULA FOLDER" unless folder
load File.expand_path(file)
said = Anec.said
missing = Formula::WORDS - said.keys
abort "the formula says no #{missing.join(", ")}" unless missing.empty?
archive = said[:url].delete_prefix("file://")
abort "#{archive} is not what sha256 says" unless Digest::SHA256.file(archive).hexdigest == said[:sha256]
FileUtils.mkdir_p(folder)
abort "tar fails" unless Kernel.system("tar", "-xzf", archive, "-C", folder)
formula = Anec.new(File.expand_path(folder))
Dir.chdir(Dir.children(folder).grep(/^anec-/).map { |name| File.join(folder, name) }.first) { formula.install }
Dir.chdir(formula.testpath) { formula.instance_eval(&Anec.checks) }
