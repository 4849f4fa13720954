using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Mooring.Operator.AdminApi;

/// <summary>One request that may be done.</summary>
/// <param name="Http">The request.</param>
/// <param name="Caller">Who asks, for logs and events.</param>
/// <param name="Fleet">That the address names; null where it names none.</param>
/// <param name="Body">What was sent; null where nothing is asked for.</param>
/// <param name="Administration">What to act on.</param>
internal sealed record AdminCall(
    HttpContext Http,
    string Caller,
    AdminFleet? Fleet,
    ScaleRequest? Body,
    IFleetAdministration Administration
)
{
    public CancellationToken Cancellation => Http.RequestAborted;

    /// <summary>Namespace that is asked about; null: all.</summary>
    public string? Namespace => Http.Request.Query["namespace"].ToString() is { Length: > 0 } ns ? ns : null;

    public string Gateway => (string)Http.Request.RouteValues["gateway"]!;

    /// <summary>The fleets that are asked about.</summary>
    public IReadOnlyList<AdminFleet> Fleets()
    {
        var fleets = Administration.Fleets();
        return Namespace is { } ns ? [.. fleets.Where(fleet => fleet.Namespace == ns)] : fleets;
    }
}

/// <summary>What is answered: JSON, or a problem.</summary>
internal sealed record AdminReply(byte[] Json, Problem? Problem = null)
{
    public static AdminReply Of<T>(T value, JsonTypeInfo<T> type) => new(JsonSerializer.SerializeToUtf8Bytes(value, type));

    public static AdminReply Of<T>(AdminOutcome<T> outcome, JsonTypeInfo<T> type)
        where T : class => outcome.Succeeded ? Of(outcome.Value, type) : new AdminReply([], outcome.Problem);
}
