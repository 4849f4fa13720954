namespace Mooring.Gateway.Hub.Delivery;

/// <summary>How a publication is kept. Immutable, and made once per namespace where nothing is particular to the call.</summary>
internal sealed record PublishOptions
{
    /// <summary>Neither history nor offset.</summary>
    public static readonly PublishOptions None = new();

    /// <summary>Publications kept; 0: none, and then the publication has no offset.</summary>
    public int HistorySize { get; init; }

    /// <summary>How long the stream is kept after its last publication. Above zero where <see cref="HistorySize"/> is.</summary>
    public TimeSpan HistoryTtl { get; init; }

    /// <summary>How long epoch and top offset are kept after they were last used; never shorter than <see cref="HistoryTtl"/>.</summary>
    public TimeSpan MetaTtl { get; init; }

    /// <summary>A second publication to the channel with the same key is not published, and gets the first one's result; null: no key. 1 to 128 bytes of UTF-8.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>How long the key is known.</summary>
    public TimeSpan IdempotencyTtl { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether the publication is kept and has an offset.</summary>
    public bool KeepsHistory => HistorySize > 0;
}

/// <param name="Status">Only on <see cref="BrokerStatus.Ok"/> is it sure that it was published.</param>
/// <param name="Position">Of the publication; its offset is 0 without history.</param>
/// <param name="Suppressed">The idempotency key was known: nothing was published now.</param>
internal readonly record struct PublishResult(BrokerStatus Status, StreamPosition Position, bool Suppressed = false);
