using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>An answer with a Status object, worded as the real server does.</summary>
public sealed class ApiException(int code, string reason, string message, JsonObject? details = null) : Exception(message)
{
    public int Code => code;

    public string Reason => reason;

    public static ApiException BadRequest(string message) => new(400, "BadRequest", message);

    public static ApiException NotFound(ApiPath path) =>
        new(404, "NotFound", $"{path.QualifiedName} \"{path.Name}\" not found", Details(path, path.Plural));

    public static ApiException AlreadyExists(ApiPath path) =>
        new(409, "AlreadyExists", $"{path.QualifiedName} \"{path.Name}\" already exists", Details(path, path.Plural));

    public static ApiException Conflict(ApiPath path, string why) =>
        new(409, "Conflict", $"Operation cannot be fulfilled on {path.QualifiedName} \"{path.Name}\": {why}", Details(path, path.Plural));

    /// <summary>A delete's precondition does not hold; told with the kind in place of the resource.</summary>
    public static ApiException Precondition(ApiPath path, string kind, string what, string? asked, string? present) =>
        new(
            409,
            "Conflict",
            $"Operation cannot be fulfilled on {WithGroup(kind, path)} \"{path.Name}\": "
                + $"the {what} in the precondition ({asked}) does not match the {what} in record ({present}). "
                + "The object might have been modified, or deleted and then recreated",
            Details(path, kind)
        );

    /// <param name="cause">Such as <c>FieldValueInvalid</c>.</param>
    public static ApiException Invalid(ApiPath path, string kind, string field, string cause, string message)
    {
        var details = Details(path, kind);
        details["causes"] = new JsonArray(
            new JsonObject
            {
                ["reason"] = cause,
                ["message"] = message,
                ["field"] = field,
            }
        );
        return new ApiException(422, "Invalid", $"{WithGroup(kind, path)} \"{path.Name}\" is invalid: {field}: {message}", details);
    }

    public static ApiException Expired(string message) => new(410, "Expired", message);

    /// <summary>A meta/v1 Status.</summary>
    public JsonObject ToStatus() =>
        new()
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = Message,
            ["reason"] = reason,
            ["details"] = details?.DeepClone() ?? new JsonObject(),
            ["code"] = code,
        };

    private static string WithGroup(string kind, ApiPath path) => path.Group.Length == 0 ? kind : $"{kind}.{path.Group}";

    private static JsonObject Details(ApiPath path, string kind) =>
        new()
        {
            ["name"] = path.Name,
            ["group"] = path.Group,
            ["kind"] = kind,
        };
}
