namespace Mooring.Contracts.Stream;

/// <summary>How short a gateway is of memory, descriptors and what the kernel watches. Totals count from the process's start.</summary>
public sealed record OverloadLoad
{
    /// <summary>What counts against <see cref="MemoryLimitBytes"/>; 0 where memory is not watched.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>0: there is none, or memory is not watched.</summary>
    public long MemoryLimitBytes { get; init; }

    /// <summary>Connections closed for want of memory.</summary>
    public long ShedTotal { get; init; }

    /// <summary>Times that accepting paused for want of memory.</summary>
    public long MemoryPausesTotal { get; init; }

    /// <summary>Times that a loop's accepting paused for want of descriptors.</summary>
    public long DescriptorPausesTotal { get; init; }

    /// <summary>Times that the kernel refused to watch a listener's socket for a loop; each is tried again.</summary>
    public long WatchFailuresTotal { get; init; }

    /// <summary>Sockets of listeners that the kernel does not watch now, counted for each loop.</summary>
    public int UnwatchedSockets { get; init; }

    /// <summary>What clients feel of it now, in words; null: nothing. At most 200 characters.</summary>
    public string? Problem { get; init; }
}
