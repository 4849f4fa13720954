using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>An answer with a Status object.</summary>
public sealed class ApiException(int code, string reason, string message, JsonArray? causes = null) : Exception(message)
{
    public int Code => code;

    public string Reason => reason;

    public static ApiException NotFound(string plural, string name) => new(404, "NotFound", $"{plural} \"{name}\" not found");

    public static ApiException Conflict(string plural, string name, string why) =>
        new(409, "Conflict", $"Operation cannot be fulfilled on {plural} \"{name}\": {why}");

    public static ApiException Expired(string message) => new(410, "Expired", message);

    /// <summary>A meta/v1 Status.</summary>
    public JsonObject ToStatus()
    {
        var details = new JsonObject();
        if (causes is not null)
        {
            details["causes"] = causes.DeepClone();
        }

        return new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = Message,
            ["reason"] = reason,
            ["details"] = details,
            ["code"] = code,
        };
    }
}
