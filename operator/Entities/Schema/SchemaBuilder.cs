using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities.Schema;

/// <summary>Reads the schema of a kind off its types: names, attributes, and initial values as defaults.</summary>
public static class SchemaBuilder
{
    private static readonly Lazy<SchemaNode> FleetSchema = new(() =>
        new SchemaNode
        {
            Type = SchemaType.Object,
            Description = DescriptionOf(typeof(ConnectionFleet)),
            Rules = RulesOf(typeof(ConnectionFleet)),
            Properties =
            [
                new(
                    "apiVersion",
                    new SchemaNode { Type = SchemaType.Text, Description = "Version of the API that the object is written in." },
                    Required: false
                ),
                new("kind", new SchemaNode { Type = SchemaType.Text, Description = "Kind of the object." }, Required: false),
                new(
                    "metadata",
                    new SchemaNode { Type = SchemaType.Metadata, Description = "Name, namespace, labels and the like." },
                    Required: false
                ),
                Property(typeof(ConnectionFleet).GetProperty(nameof(ConnectionFleet.Spec))!, new ConnectionFleet(), withDefaults: true),
                Property(typeof(ConnectionFleet).GetProperty(nameof(ConnectionFleet.Status))!, new ConnectionFleet(), withDefaults: false),
            ],
        }
    );

    /// <summary>Schema of <see cref="ConnectionFleet"/>.</summary>
    public static SchemaNode Fleet => FleetSchema.Value;

    private static SchemaProperty Property(PropertyInfo property, object owner, bool withDefaults)
    {
        var required = property.GetCustomAttribute<RequiredAttribute>() is not null;
        var node = Describe(property.PropertyType, property, withDefaults) with
        {
            Description = property.GetCustomAttribute<DescriptionAttribute>()?.Text ?? "",
            Default = withDefaults && !required ? DefaultOf(property.GetValue(owner)) : null,
        };
        return new SchemaProperty(JsonNamingPolicy.CamelCase.ConvertName(property.Name), node, required);
    }

    private static SchemaNode Describe(Type declared, PropertyInfo property, bool withDefaults)
    {
        var type = Nullable.GetUnderlyingType(declared) ?? declared;
        var rules = RulesOf(property);
        var items = property.GetCustomAttribute<ItemsAttribute>();
        var pattern = property.GetCustomAttribute<PatternAttribute>();
        if (type == typeof(string))
        {
            var length = property.GetCustomAttribute<LengthAttribute>();
            return Text(pattern) with
            {
                Minimum = length?.Minimum,
                Maximum = length?.Maximum,
                Allowed = AllowedOf(property),
                Rules = rules,
            };
        }

        if (type == typeof(int) || type == typeof(long))
        {
            return new SchemaNode
            {
                Type = SchemaType.Integer,
                Format = type == typeof(int) ? "int32" : "int64",
                LeastValue = property.GetCustomAttribute<RangeMinimumAttribute>()?.Value,
                GreatestValue = property.GetCustomAttribute<RangeMaximumAttribute>()?.Value,
                Allowed = AllowedOf(property),
                Rules = rules,
            };
        }

        if (type == typeof(bool))
        {
            return new SchemaNode { Type = SchemaType.Boolean, Rules = rules };
        }

        if (type == typeof(IntOrString))
        {
            var isQuantity = property.IsDefined(typeof(QuantityAttribute));
            return new SchemaNode { Type = isQuantity ? SchemaType.Quantity : SchemaType.IntegerOrText, Rules = rules };
        }

        if (type == typeof(JsonObject))
        {
            return new SchemaNode { Type = SchemaType.Any, Rules = rules };
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            return new SchemaNode
            {
                Type = SchemaType.Map,
                Items =
                    type.GetGenericArguments()[1] == typeof(IntOrString)
                        ? new SchemaNode { Type = SchemaType.Quantity }
                        : new SchemaNode { Type = SchemaType.Text, Maximum = items?.MaxTextLength },
                Minimum = items?.Minimum is > 0 and var least ? least : null,
                Maximum = items?.Maximum,
                Rules = rules,
            };
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var item = type.GetGenericArguments()[0];
            return new SchemaNode
            {
                Type = SchemaType.List,
                Items =
                    item == typeof(string) ? Text(pattern) with { Maximum = items?.MaxTextLength }
                    : item == typeof(Condition) ? ConditionSchema.Node
                    : ObjectOf(item, withDefaults),
                Minimum = items?.Minimum is > 0 and var least ? least : null,
                Maximum = items?.Maximum,
                MapKey = property.GetCustomAttribute<ListMapKeyAttribute>()?.Key,
                Rules = rules,
            };
        }

        return ObjectOf(type, withDefaults) with
        {
            Rules = [.. RulesOf(type), .. rules],
        };
    }

    private static SchemaNode ObjectOf(Type type, bool withDefaults)
    {
        var instance = Activator.CreateInstance(type) ?? throw new InvalidOperationException($"{type.Name} cannot be made");
        return new SchemaNode
        {
            Type = SchemaType.Object,
            Description = DescriptionOf(type),
            Rules = RulesOf(type),
            Properties = type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                .Where(property => property.SetMethod?.IsPublic == true)
                .OrderBy(property => property.MetadataToken)
                .Select(property => Property(property, instance, withDefaults))
                .ToList(),
        };
    }

    private static SchemaNode Text(PatternAttribute? pattern) =>
        new()
        {
            Type = SchemaType.Text,
            Pattern = pattern?.Expression,
            PatternMeaning = pattern?.Meaning,
        };

    // An object's default is {}, which the API server then fills from the defaults of its fields.
    private static JsonNode? DefaultOf(object? value) =>
        value switch
        {
            null => null,
            string text => JsonValue.Create(text),
            bool flag => JsonValue.Create(flag),
            int number => JsonValue.Create(number),
            long number => JsonValue.Create(number),
            IEnumerable => null,
            _ => new JsonObject(),
        };

    private static string DescriptionOf(MemberInfo member) => member.GetCustomAttribute<DescriptionAttribute>()?.Text ?? "";

    private static List<SchemaRule> RulesOf(MemberInfo member) =>
        member
            .GetCustomAttributes<ValidationRuleAttribute>()
            .Select(rule => new SchemaRule(rule.Rule, rule.Message, rule.FieldPath))
            .OrderBy(rule => rule.Rule, StringComparer.Ordinal)
            .ToList();

    private static List<JsonNode> AllowedOf(MemberInfo member) =>
        [
            .. member.GetCustomAttribute<AllowedValuesAttribute>()?.Values.Select(value => (JsonNode)JsonValue.Create(value)!) ?? [],
            .. member.GetCustomAttribute<AllowedNumbersAttribute>()?.Values.Select(value => (JsonNode)JsonValue.Create(value)) ?? [],
        ];
}
