namespace Mooring.Operator.Host.Processes;

/// <summary>A process to start.</summary>
internal sealed record ProcessSpec
{
    /// <summary>Prefix of its output lines.</summary>
    public required string Name { get; init; }

    /// <summary>Program and arguments; a program without a slash is looked up in the PATH of <see cref="Environment"/>.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The whole environment: nothing is inherited.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>A descriptor that becomes its standard input; null: /dev/null. Stays the caller's.</summary>
    public int? StandardInput { get; init; }
}

/// <summary>How a process ended.</summary>
/// <param name="Code">What it returned; null when a signal ended it.</param>
/// <param name="Signal">The signal that ended it; null when it returned.</param>
internal readonly record struct ProcessExit(int? Code, int? Signal)
{
    /// <summary>Reads a waitpid(2) status.</summary>
    public static ProcessExit FromStatus(int status) =>
        (status & 0x7f) == 0 ? new ProcessExit((status >> 8) & 0xff, null) : new ProcessExit(null, status & 0x7f);

    public override string ToString() => Code is { } code ? $"exit code {code}" : $"signal {Signal}";
}
