namespace Mooring.Benchmarks.Harness;

/// <summary>Where the figures were taken.</summary>
internal sealed record Machine
{
    public required int Cores { get; init; }

    /// <summary>Model name of the first CPU.</summary>
    public required string Cpu { get; init; }

    /// <summary>Release of the Linux kernel.</summary>
    public required string Kernel { get; init; }

    public required string Dotnet { get; init; }

    /// <summary>Programs under test by name, with their versions.</summary>
    public required IReadOnlyDictionary<string, string> Servers { get; init; }

    public static Machine Read(IReadOnlyDictionary<string, string> servers) =>
        new()
        {
            Cores = Environment.ProcessorCount,
            Cpu =
                File.ReadLines("/proc/cpuinfo")
                    .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
                    ?.Split(':', 2)[1]
                    .Trim()
                ?? "unknown",
            Kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            Dotnet = Environment.Version.ToString(),
            Servers = servers,
        };
}
