namespace Mooring.Gateway.Hub.Sessions;

/// <summary>A command that could not be answered within its turn. Owned by its loop.</summary>
/// <param name="began">When it came, in ticks of the node's clock.</param>
internal sealed class CommandUnderWay(long began)
{
    public long Began { get; } = began;

    /// <summary>What it still waits for: with the last of these it is answered.</summary>
    public int Left { get; set; }
}

/// <summary>Whose command the loop is at.</summary>
/// <param name="Began">When it came, in ticks of the node's clock; 0: within this turn, or there is none.</param>
/// <param name="IsOne">There is one.</param>
/// <param name="UnderWay">Null: so far nothing has kept it from its answer.</param>
internal readonly record struct CommandScope(long Began, bool IsOne, CommandUnderWay? UnderWay);
