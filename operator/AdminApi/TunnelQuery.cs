using System.Globalization;
using Mooring.Contracts.Stream;

namespace Mooring.Operator.AdminApi;

/// <summary>Which tunnels are asked for. Immutable.</summary>
/// <param name="Limit">Tunnels of a page.</param>
/// <param name="After">Id of the last tunnel of the page before; null: from the first.</param>
/// <param name="State">Only those in this state; null: in any.</param>
/// <param name="Tenant">Only this tenant's; null: everybody's.</param>
internal sealed record TunnelQuery(int Limit, string? After, TunnelState? State, string? Tenant)
{
    public const int MaxLimit = 500;
    private const int DefaultLimit = 100;
    private const int MaxText = 512;

    /// <summary>The parameters as the document has them.</summary>
    public static readonly IReadOnlyList<QueryParameter> Parameters =
    [
        new("limit", $"Tunnels of a page, 1 to {MaxLimit}; {DefaultLimit} otherwise"),
        new("after", "The answer before's next"),
        new("state", $"Only tunnels in this state: {string.Join(", ", Enum.GetNames<TunnelState>())}"),
        new("tenant", "Only tunnels of this tenant"),
    ];

    public bool Takes(TunnelDescription tunnel) => (State is null || tunnel.State == State) && (Tenant is null || tunnel.Tenant == Tenant);

    /// <summary>Reads a request's; each fault by its field.</summary>
    public static AdminOutcome<TunnelQuery> Read(IQueryCollection query)
    {
        foreach (var parameter in Parameters)
        {
            if (query[parameter.Name] is { Count: > 1 } or [{ Length: > MaxText }])
            {
                return Problem.BadRequest(parameter.Name, $"must be given once, with at most {MaxText} characters");
            }
        }

        var limit = DefaultLimit;
        if (
            (string?)query["limit"] is { } text
            && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= MaxLimit)
        )
        {
            return Problem.BadRequest("limit", $"must be a number of 1 to {MaxLimit}");
        }

        TunnelState? state = null;
        if ((string?)query["state"] is { } name)
        {
            if (!Enum.GetNames<TunnelState>().Contains(name))
            {
                return Problem.BadRequest("state", $"must be one of {string.Join(", ", Enum.GetNames<TunnelState>())}");
            }

            state = Enum.Parse<TunnelState>(name);
        }

        return new TunnelQuery(limit, query["after"], state, query["tenant"]);
    }
}

/// <summary>A parameter of an address, for the document.</summary>
internal sealed record QueryParameter(string Name, string Description);
