namespace Mooring.Benchmarks.Harness;

/// <summary>Which CPU core each side of a benchmark has to itself.</summary>
internal static class Cores
{
    /// <summary>Core of the server under test.</summary>
    public const int Server = 0;

    /// <summary>Core of the load generator and the backend; the server's on a machine with one.</summary>
    public static int Load { get; } = Environment.ProcessorCount > 1 ? 1 : 0;

    /// <summary>Every core, for what is about more than one of them.</summary>
    public static string All { get; } = $"0-{Environment.ProcessorCount - 1}";

    /// <summary>A command that runs another pinned to cores, such as <c>0</c> or <c>0-1</c>. It replaces itself, so the process id stays that of the child.</summary>
    public static (string File, string[] Arguments) Pinned(string cores, string file, IEnumerable<string> arguments) =>
        ("taskset", ["--cpu-list", cores, file, .. arguments]);
}
