namespace Mooring.Operator.Run.Troubles;

/// <summary>From when on something is a trouble worth an event. Immutable.</summary>
internal sealed record TroubleLimits
{
    /// <summary>What is counted over. Default 1 min.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Requests without an answer within the window. Default 3: one may break with its connection.</summary>
    public int Unanswered { get; init; } = 3;

    /// <summary>A request that takes longer is slow. Default 1 s.</summary>
    public TimeSpan SlowRequest { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Slow requests within the window, which must be more than half of all as well. Default 4.</summary>
    public int SlowRequests { get; init; } = 4;

    /// <summary>Watches of one resource that were cut within the window. Default 4: a server that is rolled out cuts each once, or a few times.</summary>
    public int Cuts { get; init; } = 4;

    /// <summary>A watch that the server ends in good order before this is as good as cut: it is asked for five minutes at the least. Default 1 min.</summary>
    public TimeSpan ShortWatch { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How far the clocks may go apart from one look to the next, a second later. Default 3 s: time is set by less in ordinary keeping.</summary>
    public TimeSpan Jump { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>What has not shown for this long is over. Default 2 min: a watch that fails is opened again after up to one.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>A trouble that lasts, or returns, is told again after this. Default 10 min.</summary>
    public TimeSpan Period { get; init; } = TimeSpan.FromMinutes(10);
}
