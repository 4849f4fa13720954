namespace Mooring.Benchmarks.Harness;

/// <summary>How to start this program once more, whether it runs by its own executable or as <c>dotnet FILE.dll</c>.</summary>
internal static class Self
{
    public static string File { get; } = Environment.ProcessPath ?? throw new BenchmarkException("the path of this process is unknown");

    public static IReadOnlyList<string> Arguments { get; } =
        Path.GetFileNameWithoutExtension(File) == "dotnet" ? [Path.Combine(AppContext.BaseDirectory, "Mooring.Benchmarks.dll")] : [];
}
