namespace Mooring.Gateway.Handover;

/// <summary>What a gateway has of a takeover, from whichever side; both may come late.</summary>
internal sealed class TakeoverSeat : IAsyncDisposable
{
    /// <summary>Whose place it takes; null: nobody's, or not yet.</summary>
    public Succession? Succession { get; set; }

    /// <summary>Where others may take its own; null: nowhere, or not yet.</summary>
    public TakeoverServer? Server { get; set; }

    public async ValueTask DisposeAsync()
    {
        if (Server is not null)
        {
            await Server.DisposeAsync();
        }

        Succession?.Dispose();
    }
}
