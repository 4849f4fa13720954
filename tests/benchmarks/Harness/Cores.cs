namespace Mooring.Benchmarks.Harness;

/// <summary>Which CPU core each side of a benchmark has to itself.</summary>
internal static class Cores
{
    /// <summary>Core of the server under test.</summary>
    public const int Server = 0;

    /// <summary>Core of the load generator and the backend; the server's on a machine with one.</summary>
    public static int Load { get; } = Environment.ProcessorCount > 1 ? 1 : 0;

    /// <summary>A command that runs another pinned to a core. It replaces itself, so the process id stays that of the child.</summary>
    public static (string File, string[] Arguments) Pinned(int core, string file, IEnumerable<string> arguments) =>
        ("taskset", ["--cpu-list", $"{core}", file, .. arguments]);
}
