namespace Mooring.Contracts.Configuration;

/// <summary>What a gateway does when memory runs short: the heaviest and slowest connections go first, then accepting pauses.</summary>
public sealed record OverloadConfig
{
    public const long LeastBytes = 64L << 20;

    /// <summary>Bytes of memory. 0: the limit of the gateway's cgroup, against what that cgroup uses; else at least 64 MiB, against the process's resident set.</summary>
    public long MemoryLimitBytes { get; init; }

    /// <summary>Share of the limit from which on connections are closed, in percent: until usage is five points below. 50 to 98; default 90.</summary>
    public int ShedAtPercent { get; set; } = 90;

    /// <summary>Share of the limit from which on no connection is accepted, in percent: until usage is below <see cref="ShedAtPercent"/>. Above that one, to 99; default 97.</summary>
    public int PauseAtPercent { get; set; } = 97;
}
