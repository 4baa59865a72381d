-- Grain: one row per product of the grocer's list.
-- The list has no names: a product goes by the finest class that it is given. It has no prices.
with

products as (

    select *
    from staging.current_grocer_products
    where dt = $run_date

),

renamed as (

    select
        'grocer:' || product_id as product_id,
        'grocer' as source,
        product_id as sku,
        coalesce(product_type, product_category, department) as product_name,
        department as category,
        product_category as subcategory,
        brand
    from products

)

select * from renamed
order by product_id
