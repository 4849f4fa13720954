namespace Mooring.Operator.Entities.Schema;

/// <summary>Schema of meta/v1 Condition, whose type knows nothing of our attributes.</summary>
internal static class ConditionSchema
{
    public static readonly SchemaNode Node = new()
    {
        Type = SchemaType.Object,
        Description = "One aspect of the state.",
        Properties =
        [
            new("type", Text("Aspect: Ready, Progressing or Degraded.", 63), Required: true),
            new("status", Text("True, False or Unknown.", 16), Required: true),
            new("reason", Text("Why, in one CamelCase word.", 1024), Required: true),
            new("message", Text("Why, for people.", 32_768), Required: false),
            new("lastTransitionTime", Text("When status last changed.", null) with { Format = "date-time" }, Required: true),
            new(
                "observedGeneration",
                new SchemaNode
                {
                    Type = SchemaType.Integer,
                    Format = "int64",
                    Description = "Generation of the spec that the condition is about.",
                },
                Required: false
            ),
        ],
    };

    private static SchemaNode Text(string description, int? longest) =>
        new()
        {
            Type = SchemaType.Text,
            Description = description,
            Maximum = longest,
        };
}
